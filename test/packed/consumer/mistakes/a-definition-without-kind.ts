import { defineJob } from 'millrace';

// says: Property 'kind' is missing
defineJob({ queue: 'mail' });
