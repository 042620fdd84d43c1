import { tracingSuite } from '../../test/telemetry/tracing-suite.ts';
import { startSdk } from './sdk.ts';

tracingSuite('SDK 3', startSdk());
