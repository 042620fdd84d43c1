export { driveClock, type DrivenClock } from './driven-clock.ts';
