import { defineJob } from 'millrace';

// says: is not assignable
defineJob({ kind: 'mail', payload: { to: 'string' } });
