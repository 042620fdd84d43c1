import { clean, millrace } from './jobs.ts';

// says: ThisJobTakesNoPayload
void millrace.enqueue(clean, { to: 'ada' });
