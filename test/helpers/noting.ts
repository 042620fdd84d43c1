import type { Middleware } from 'millrace';

/** Writes down when a job goes into it and comes out. */
export function noting(name: string, steps: string[]): Middleware {
  return {
    async enqueue(_, next) {
      steps.push(`> ${name}`);
      const answer = await next();
      steps.push(`< ${name} ${answer?.status}`);
      return answer;
    },
    async attempt({ attempt }, next) {
      steps.push(`> ${name} ${attempt}`);
      const result = await next();
      steps.push(`< ${name} ${String(result)}`);
      return `${name}(${String(result)})`;
    },
  };
}
