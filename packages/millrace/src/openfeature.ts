export { openFeature, type OpenFeatureClient } from './flags/openfeature.ts';
