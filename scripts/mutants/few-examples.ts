/** A mutant that properties notice is noticed by few examples, and every mutant costs so many. */
import fc from 'fast-check';

fc.configureGlobal({ numRuns: 25 });
