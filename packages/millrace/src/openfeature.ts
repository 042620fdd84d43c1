/**
 * Flags from OpenFeature.
 *
 * @module millrace/openfeature
 */
export { openFeature, type OpenFeatureClient } from './flags/openfeature.ts';
