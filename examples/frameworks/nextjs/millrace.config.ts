/** What `npx millrace start` runs, in a process of its own: Next.js serves requests, and may be frozen between them. */
export { millrace as default } from '../sign-ups.ts';
