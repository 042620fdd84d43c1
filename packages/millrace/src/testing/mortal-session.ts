import type { JobTransaction, SettleRequest, WorkSession } from '../core/storage.ts';
import type { IsolationLevel, TransactionSource } from '../core/transaction.ts';
import type { Ledger } from './ledger.ts';
import { never, type Life } from './life.ts';

/** What a session of a process that may die is made of. */
interface MortalParts {
  readonly session: WorkSession;
  readonly life: Life;
  readonly ledger: Ledger;
  /** The worker has a new identity. */
  readonly registered: (no: number) => void;
  /** Transactions of the application's pool, as a source of them. */
  readonly sourceOf: (isolation: IsolationLevel) => TransactionSource<unknown>;
}

/**
 * A work session through which everything goes that its worker writes: it is noted, and at one point of it the worker's
 * process can die.
 */
export function mortalSession(parts: MortalParts): WorkSession {
  const { session, life } = parts;
  const own = ownVerbs(parts);
  return new Proxy(session, {
    get(target, key) {
      const verb: unknown = Reflect.get(own, key) ?? Reflect.get(target, key, target);
      if (typeof verb !== 'function' || key === 'onLost' || key === 'listen') return verb;
      const call = verb as (...args: unknown[]) => Promise<unknown>;
      return (...args: unknown[]) => life.lived(() => call.apply(target, args));
    },
  });
}

function ownVerbs({
  session,
  life,
  ledger,
  registered,
  sourceOf,
}: MortalParts): Partial<WorkSession> {
  return {
    async register(identity) {
      const isMine = await session.register(identity);
      if (isMine) registered(identity.no);
      return isMine;
    },
    async claim(request) {
      const answer = await session.claim(request);
      ledger.claimed(answer.jobs);
      if (answer.jobs.length > 0) life.reach('after-claim');
      return answer;
    },
    async settle(requests) {
      // The statement is one commit, so what dies before that dies before the statement.
      if (life.reach('after-handler') || life.reach('before-commit')) return never();
      const answers = await session.settle(requests);
      const written = new Map(answers.map((answer) => [answer.id, answer]));
      for (const request of requests) {
        const answer = written.get(request.id);
        if (answer !== undefined) ledger.settled(request, answer);
      }
      if (answers.some(({ status }) => status === 'written')) life.reach('after-commit');
      return answers;
    },
    async begin(from) {
      if (life.end !== 'before-commit') return watched(await session.begin(from), life, ledger);
      const source = typeof from === 'string' ? sourceOf(from) : from;
      return watched(await session.begin(dyingAtCommit(source, life)), life, ledger);
    },
    // Nobody tells this worker of new work: whoever plays the process asks for it.
    listen: () => ({ stop: () => Promise.resolve() }),
    onLost: (callback) =>
      session.onLost(() => {
        if (!life.isOver) callback();
      }),
  };
}

/** A job's transaction as a mortal process has it: when it dies the server rolls back what is open. */
function watched(inner: JobTransaction, life: Life, ledger: Ledger): JobTransaction {
  return {
    tx: inner.tx,
    within: (handler) => inner.within(handler),
    rollback: () => life.lived(() => inner.rollback()),
    settleAndCommit: (request: SettleRequest) =>
      life.lived(async () => {
        if (life.reach('after-handler')) {
          await inner.rollback();
          return never();
        }
        const answer = await inner.settleAndCommit(request);
        ledger.settled(request, answer);
        if (answer.status === 'written') life.reach('after-commit');
        return answer;
      }),
  };
}

/** When all is written and the commit would be next, the process dies, and the transaction with it. */
function dyingAtCommit(source: TransactionSource<unknown>, life: Life): TransactionSource<unknown> {
  return {
    begin: (body) =>
      source.begin(async (tx) => {
        await body(tx);
        if (life.reach('before-commit')) throw new Error('the process died before the commit');
      }),
  };
}
