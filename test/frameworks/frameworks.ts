/** The examples, as `npm start` in their folders starts them. */
export interface Framework {
  readonly name: string;
  readonly folder: string;
  /** It has to be built before it can start. */
  readonly built: boolean;
  /** Its jobs run in a process of their own, `npm run worker`. */
  readonly separateWorker: boolean;
  /** How its process ends after SIGTERM: some run their hooks and then let the signal do what it does. */
  readonly end: 'exit code 0' | 'exit code 143' | 'SIGTERM';
}

const framework = (name: string, folder: string, differs: Partial<Framework> = {}): Framework => ({
  name,
  folder: `examples/frameworks/${folder}`,
  built: false,
  separateWorker: false,
  end: 'exit code 0',
  ...differs,
});

export const frameworks: readonly Framework[] = [
  framework('Express', 'express'),
  framework('Fastify', 'fastify'),
  framework('Hono', 'hono'),
  framework('NestJS', 'nestjs', { built: true, end: 'SIGTERM' }),
  framework('Next.js', 'nextjs', { built: true, separateWorker: true, end: 'exit code 143' }),
];
