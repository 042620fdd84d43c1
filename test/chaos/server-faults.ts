import { setTimeout as sleep } from 'node:timers/promises';
import type { Fleet } from '../helpers/fleet.ts';
import { until } from '../helpers/until.ts';
import type { Planned, ServerFault } from './plan.ts';
import type { ReplicatedServer } from './replicated-server.ts';

/** Steps are longer than any statement takes, and some longer than a fire time may be late without being missed. */
const leastStepMs = 5_000;
const mostStepMs = 60_000;

/** Does to the server what the plan says; when it resolves the server answers again. */
export async function strikeServer(
  fleet: Fleet,
  server: ReplicatedServer,
  { fault, forMs, where }: Planned<ServerFault>,
): Promise<void> {
  switch (fault) {
    case 'session terminated': {
      const pid = await someSession(fleet, where);
      if (pid !== undefined) await fleet.query('SELECT pg_terminate_backend($1)', [pid]);
      return;
    }
    case 'backend killed': {
      const pid = await someSession(fleet, where);
      const before = await checkpointerStart(fleet);
      if (pid === undefined || !killed(pid)) return;
      return until('the server has recovered from the crash of a backend', async () => {
        const now = await checkpointerStart(fleet).catch(() => before);
        return now !== before;
      });
    }
    case 'clock step': {
      const stepMs = leastStepMs + Math.round(where * (mostStepMs - leastStepMs));
      return fleet.advanceClock(stepMs);
    }
    case 'server stopped fast':
    case 'server stopped at once':
    case 'server killed':
      await server.kill(signals[fault]);
      await sleep(forMs);
      await server.restart();
      return answers(fleet);
    case 'promotion': {
      const endings = Object.values(signals);
      await server.promote(endings[Math.floor(where * endings.length)] ?? 'SIGKILL', forMs);
      return answers(fleet);
    }
  }
}

function answers(fleet: Fleet): Promise<void> {
  return until('the server answers', () =>
    fleet.query('SELECT').then(
      () => true,
      () => false,
    ),
  );
}

const signals = {
  'server stopped fast': 'SIGINT',
  'server stopped at once': 'SIGQUIT',
  'server killed': 'SIGKILL',
} as const;

/** The process of a session of Millrace, be it for work, for listening or of the application. */
async function someSession(fleet: Fleet, where: number): Promise<number | undefined> {
  const found = await fleet.query<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity WHERE application_name = 'millrace' ORDER BY backend_start, pid`,
  );
  return found[Math.floor(where * found.length)]?.pid;
}

/** Another one after each crash of a backend. */
async function checkpointerStart(fleet: Fleet): Promise<string | undefined> {
  const [row] = await fleet.query<{ start: string }>(
    `SELECT backend_start::text AS start FROM pg_stat_activity WHERE backend_type = 'checkpointer'`,
  );
  return row?.start;
}

/** Answers whether the process was still there. */
function killed(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}
