/** vitest kills its processes, and who is killed writes nothing: each test file writes before. */
import { takeCoverage } from 'node:v8';
import { afterAll } from 'vitest';

afterAll(() => takeCoverage());
