import { formatDuration } from '../core/duration.ts';
import type { MillraceEvent } from '../core/events.ts';
import { inStateColour, printable, style, type Output } from './output.ts';

/** Prints a line for every attempt that has ended. */
export function printAttempts(output: Output): (event: MillraceEvent) => void {
  return ({ name, data }) => {
    if (name !== 'attempt:finished') return;
    const { state, kind, id, attempt, durationMs, error } = data;
    const what = `${inStateColour(state, state.padEnd(9))}  ${printable(kind)} ${id}`;
    const how = style('dim', `attempt ${attempt}, ${formatDuration(durationMs)}`);
    const why = error === null ? '' : `  ${printable(`${error.name}: ${error.message}`)}`;
    output.say(`${what}  ${how}${why}`);
  };
}
