import { startSdk } from './sdk.ts';
import { tracingSuite } from './tracing-suite.ts';

tracingSuite('SDK 2', startSdk());
