import { defineJob } from 'millrace';

// says: Did you mean to write 'maxAttempts'
defineJob({ kind: 'mail', maxAtempts: 5 });
