import type { Millrace } from 'millrace';
import type { Accepted } from './accepted-log.ts';
import { goneDomain, greylistDomain } from './mail-server.ts';
import { scheduledKinds, type ScheduleWatch } from './schedule-watch.ts';
import type { World } from './world.ts';

/** One line of the proof. */
export interface Check {
  readonly what: string;
  readonly expected: string;
  readonly found: string;
  readonly holds: boolean;
}

/** The messages of one part of the demo and what the servers had accepted before it. */
export interface Part {
  readonly afterMessage: number;
  readonly mailLine: number;
  readonly pushLine: number;
  /** How many jobs may have been done twice: those that a killed worker had in hand. */
  readonly repeatsAllowed: number;
}

/** A message that somebody has to hear of, and the job that tells them; null when there is none. */
interface Wanted {
  readonly channel: 'email' | 'push' | 'digest';
  readonly email: string;
  readonly job_id: string | null;
  readonly state: string | null;
}

/** Holds when both numbers are the same. */
function same(what: string, expected: number, found: number, note = ''): Check {
  return { what, expected: count(expected), found: count(found) + note, holds: expected === found };
}

export function count(value: number): string {
  return value.toLocaleString('en');
}

/** Who got what: from the application's tables, the jobs, and the logs of the servers outside. */
export async function checkDeliveries(world: World, part: Part): Promise<Check[]> {
  const { millrace, mail, push } = world;
  const mails = world.mailLog.read(part.mailLine);
  const pushes = world.pushLog.read(part.pushLine);
  const mailed = timesByJob(mails);
  const pushed = timesByJob(pushes);
  // A repeat is at most allowed, and judged as a number of its own.
  const once = (times: Map<string, number>) => (wanted: Wanted) => times.has(wanted.job_id ?? '');

  const wanted = await wantedNotifications(millrace, part.afterMessage);
  const byMail = wanted.filter(({ channel, email }) => channel === 'email' && !isGone(email));
  const byDigest = wanted.filter(({ channel, email }) => channel === 'digest' && !isGone(email));
  const byPush = wanted.filter(({ channel }) => channel === 'push');
  const greylisted = byMail.filter(({ email }) => email.endsWith(`@${greylistDomain}`));
  const gone = wanted.filter(({ channel, email }) => channel !== 'push' && isGone(email));
  const discarded = gone.filter(({ state }) => state === 'discarded');
  const unknown = [
    ...(await unknownJobs(millrace, 'send-email', mailed)),
    ...(await unknownJobs(millrace, 'send-push', pushed)),
  ];
  return [
    same('e-mails taken by the mail server', byMail.length, byMail.filter(once(mailed)).length),
    same(
      '  to hosts that said "later" at first',
      greylisted.length,
      greylisted.filter(once(mailed)).length,
      ` (said ${count(mail.refused.later)} times)`,
    ),
    same('  to mailboxes that do not exist: discarded', gone.length, discarded.length),
    same('messages mailed in a digest', byDigest.length, byDigest.filter(once(mailed)).length),
    same(
      'push notifications taken',
      byPush.length,
      byPush.filter(once(pushed)).length,
      ` (429: ${count(push.refused.busy)}, 500: ${count(push.refused.failed)})`,
    ),
    repeats([...mailed, ...pushed], part.repeatsAllowed),
    same(
      'sent although rolled back, or for no job',
      0,
      unknown.length + [...mails, ...pushes].filter(({ title }) => /drums/.test(title)).length,
    ),
  ];
}

function isGone(email: string): boolean {
  return email.endsWith(`@${goneDomain}`);
}

function timesByJob(accepted: readonly Accepted[]): Map<string, number> {
  const times = new Map<string, number>();
  for (const { jobId } of accepted) times.set(jobId, (times.get(jobId) ?? 0) + 1);
  return times;
}

function repeats(times: readonly (readonly [string, number])[], allowed: number): Check {
  const again = times.filter(([, n]) => n > 1);
  const found = again.reduce((sum, [, n]) => sum + n - 1, 0);
  const jobs = found === 0 ? '' : ` (jobs ${again.map(([id]) => id).join(', ')})`;
  const expected = allowed === 0 ? '0' : `at most ${allowed}`;
  return { what: 'sent twice', expected, found: count(found) + jobs, holds: found <= allowed };
}

/** Every message for everybody in its house but its author, in every way in which they want to hear of it. */
function wantedNotifications(millrace: Millrace, afterMessage: number): Promise<Wanted[]> {
  return rows<Wanted>(
    millrace,
    `SELECT w.channel, u.email, d.job_id, j.state
       FROM messages m
       JOIN users u ON u.house_id = m.house_id AND u.id <> m.author_id
      CROSS JOIN LATERAL unnest(u.notify_by) AS w(channel)
       LEFT JOIN deliveries d ON d.message_id = m.id AND d.user_id = u.id AND d.channel = w.channel
       LEFT JOIN millrace.jobs j ON j.id = d.job_id
      WHERE m.id > $1`,
    [afterMessage],
  );
}

/** What was accepted under an id that no such job has. */
async function unknownJobs(
  millrace: Millrace,
  kind: string,
  accepted: ReadonlyMap<string, number>,
): Promise<string[]> {
  const found = await rows<{ id: string }>(
    millrace,
    'SELECT id FROM millrace.jobs WHERE kind = $1',
    [kind],
  );
  const known = new Set(found.map(({ id }) => id));
  return [...accepted.keys()].filter((id) => !known.has(id));
}

/** Whether badges and scores are what the messages imply, and the views show them. */
export async function checkCounters(millrace: Millrace, accepted: number): Promise<Check[]> {
  const [found] = await rows<Record<string, string>>(
    millrace,
    `WITH implied AS (
       SELECT u.id,
              (SELECT count(*) FROM messages m WHERE m.house_id = u.house_id AND m.author_id <> u.id) AS unread,
              (SELECT count(*) * 10 FROM messages m WHERE m.author_id = u.id) AS points
         FROM users u)
     SELECT (SELECT count(*) FROM messages) AS messages,
            (SELECT count(*) FROM users) AS users,
            (SELECT count(*) FROM implied i JOIN badges b ON b.user_id = i.id AND b.unread = i.unread) AS badges,
            (SELECT count(*) FROM implied i JOIN scores s ON s.user_id = i.id AND s.points = i.points) AS scores,
            (SELECT count(*) FROM implied i JOIN leaderboard l ON l.user_id = i.id AND l.points = i.points) AS places,
            (SELECT sum(messages) FROM house_activity) AS activity`,
  );
  const value = (name: string) => Number(found?.[name]);
  const users = value('users');
  return [
    same('messages kept, of those posted and not refused', accepted, value('messages')),
    same('users whose badge counts their messages', users, value('badges')),
    same('users whose score counts their messages', users, value('scores')),
    same('users whose place in the leaderboard is fresh', users, value('places')),
    same('messages in the view of house activity', accepted, value('activity')),
  ];
}

/** Whether every fire time made one job, and what those jobs left behind. */
export async function checkSchedules(millrace: Millrace, watch: ScheduleWatch): Promise<Check[]> {
  const checks: Check[] = [];
  for (const kind of scheduledKinds) {
    const expected = await watch.expected(kind);
    const found = await rows<{ at: Date }>(
      millrace,
      `SELECT scheduled_at AS at FROM millrace.jobs WHERE kind = $1 AND state = 'completed' ORDER BY 1`,
      [kind],
    );
    const times = found.map(({ at }) => at.getTime());
    const holds = times.length === expected.length && times.every((at, i) => at === expected[i]);
    checks.push({
      what: `fire times of ${kind}, one job each`,
      expected: count(expected.length),
      found: count(times.length),
      holds,
    });
  }
  const lastHour = (await watch.expected('send-reminders')).at(-1) ?? 0;
  const lastPurge = (await watch.expected('purge-tokens')).at(-1) ?? 0;
  const [found] = await rows<Record<string, string>>(
    millrace,
    `SELECT count(*) FILTER (WHERE arrives_at <= $1::timestamptz + interval '1 day') AS near,
            count(reminder_job_id) AS reminded,
            (SELECT count(*) FROM tokens) + (SELECT count(*) FROM refresh_tokens) AS tokens,
            (SELECT count(*) FROM tokens WHERE expires_at <= $2::timestamptz)
              + (SELECT count(*) FROM refresh_tokens WHERE expires_at <= $2::timestamptz) AS expired
       FROM stays`,
    [new Date(lastHour), new Date(lastPurge)],
  );
  const value = (name: string) => Number(found?.[name]);
  checks.push(
    same('stays within a day, guest reminded', value('near'), value('reminded')),
    same('expired tokens left', 0, value('expired'), ` (of ${count(value('tokens'))})`),
  );
  return checks;
}

/** Whether every job came to its end. */
export async function checkJobs(millrace: Millrace): Promise<Check[]> {
  const [found] = await rows<Record<string, string>>(
    millrace,
    `SELECT count(*) FILTER (WHERE state NOT IN ('completed', 'cancelled', 'discarded')
                               AND kind NOT LIKE 'refresh-%') AS unfinished,
            count(*) FILTER (WHERE state IN ('cancelled', 'discarded')
                               AND NOT (kind = 'send-email' AND payload ->> 'to' LIKE $1)) AS lost,
            count(*) FILTER (WHERE state = 'completed' AND payload ->> 'to' LIKE $1) AS mistaken
       FROM millrace.jobs`,
    [`%@${goneDomain}`],
  );
  return [
    same('jobs not finished', 0, Number(found?.['unfinished'])),
    same('jobs given up that should not be', 0, Number(found?.['lost'])),
    same('jobs completed that cannot be', 0, Number(found?.['mistaken'])),
  ];
}

/** Asks the database. */
export function rows<Row>(millrace: Millrace, text: string, values?: unknown[]): Promise<Row[]> {
  return millrace.transaction(async (tx) => (await tx.query<Row>(text, values)).rows);
}
