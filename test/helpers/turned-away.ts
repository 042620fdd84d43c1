/** How a worker process ends whose database is away while it starts; whoever watches over it then starts another. */
export const turnedAway = 75;
