import type { Names } from '../names.ts';

/**
 * What holds jobs back, and what is needed to say why one waits.
 * - `queue_pause`: claims look for it, so a row counts from its commit on, whoever wrote it. Workers are told, so that
 *   what they have in hand goes back and what may go on starts at once.
 * - `worker.held_kinds`: kinds that a worker serves and leaves out at present, because a flag says so.
 * - `worker_gone`: what workers served that are registered no more; rows are only added, so nobody ever waits for one.
 */
export function pauses({ schema: s, channel }: Names): string {
  // Unlike a fixed word, it occurs in no name.
  const quote = `$${channel}$`;
  return `
CREATE TABLE ${s}.queue_pause (
  queue     text PRIMARY KEY,
  paused_at timestamptz NOT NULL,
  paused_by text NOT NULL,
  reason    text NOT NULL
);

COMMENT ON TABLE ${s}.queue_pause IS 'Queues of which nothing is claimed. Processes of releases before this table do not look.';

CREATE FUNCTION ${s}.tell_of_pause() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS ${quote}
BEGIN
  IF TG_OP = 'DELETE' THEN
    PERFORM ${s}.tell('jobs ' || OLD.queue);
  ELSE
    PERFORM ${s}.tell('pause ' || NEW.queue);
  END IF;
  RETURN NULL;
END
${quote};

CREATE TRIGGER tell AFTER INSERT OR UPDATE OR DELETE ON ${s}.queue_pause FOR EACH ROW EXECUTE FUNCTION ${s}.tell_of_pause();

ALTER TABLE ${s}.worker ADD COLUMN concurrency int, ADD COLUMN running int,
  ADD COLUMN held_kinds text[] NOT NULL DEFAULT '{}';

COMMENT ON COLUMN ${s}.worker.concurrency IS 'How many jobs run there at once; null where an older release does not say.';
COMMENT ON COLUMN ${s}.worker.running IS 'How many jobs ran there at the last heartbeat; null where an older release does not say.';
COMMENT ON COLUMN ${s}.worker.held_kinds IS 'Kinds that it serves, and leaves out at present because a flag says so.';

CREATE TABLE ${s}.worker_gone (
  gone_at timestamptz NOT NULL,
  host    text NOT NULL,
  pid     int NOT NULL,
  kinds   text[] NOT NULL,
  queues  text[] NOT NULL
);

CREATE INDEX worker_gone_at ON ${s}.worker_gone (gone_at);
-- Without a key, a publication of all tables would refuse that rows are deleted.
ALTER TABLE ${s}.worker_gone REPLICA IDENTITY FULL;

COMMENT ON TABLE ${s}.worker_gone IS 'What workers served that are registered no more; rows are only added, and pruned by age.';

-- As its owner: whoever leaves needs no privilege for this, such as a worker of an older release.
CREATE FUNCTION ${s}.remember_gone() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS ${quote}
BEGIN
  INSERT INTO ${s}.worker_gone (gone_at, host, pid, kinds, queues)
  SELECT ${s}.now(), g.host, g.pid, g.kinds, g.queues FROM gone g WHERE g.role = 'worker';
  RETURN NULL;
END
${quote};

CREATE TRIGGER remember AFTER DELETE ON ${s}.worker REFERENCING OLD TABLE AS gone
  FOR EACH STATEMENT EXECUTE FUNCTION ${s}.remember_gone();
`;
}
