/**
 * Every name that OpenTelemetry hears from us. Those that begin with `messaging` or `error` are the semantic conventions as
 * of 1.45, where they are not stable yet; ours begin with `millrace`.
 */
export const attribute = {
  system: 'messaging.system.name',
  operationType: 'messaging.operation.type',
  operationName: 'messaging.operation.name',
  destination: 'messaging.destination.name',
  messageId: 'messaging.message.id',
  batchCount: 'messaging.batch.message_count',
  errorType: 'error.type',
  kind: 'millrace.job.kind',
  attempt: 'millrace.job.attempt',
  maxAttempts: 'millrace.job.max_attempts',
  state: 'millrace.job.state',
  schedule: 'millrace.job.schedule',
} as const;

export const system = 'millrace';

export const instrument = {
  operationDuration: 'messaging.client.operation.duration',
  sent: 'messaging.client.sent.messages',
  consumed: 'messaging.client.consumed.messages',
  processDuration: 'messaging.process.duration',
} as const;
