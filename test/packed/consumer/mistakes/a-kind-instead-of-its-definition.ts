import { millrace } from './jobs.ts';

// says: Argument of type 'string'
void millrace.enqueue('send-mail', { to: 'ada', lines: [] });
