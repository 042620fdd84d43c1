/**
 * How a worker process ends whose database is away while it starts, or is a replica that was not promoted yet; whoever watches
 * over it then starts another.
 */
export const turnedAway = 75;
