-- The application's own tables. Millrace keeps its tables in a schema of their own, in the same database.

CREATE TABLE users (
  id        bigint PRIMARY KEY,
  house_id  bigint NOT NULL,
  name      text NOT NULL,
  email     text NOT NULL,
  device    text NOT NULL,
  notify_by text[] NOT NULL CHECK (notify_by <@ ARRAY['email', 'push', 'digest'])
);
CREATE INDEX users_house ON users (house_id);

CREATE TABLE messages (
  id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  house_id  bigint NOT NULL,
  author_id bigint NOT NULL REFERENCES users,
  text      text NOT NULL
);

-- Which job carries which message to whom. A row for a digest has no job until the digest is made.
CREATE TABLE deliveries (
  message_id bigint NOT NULL REFERENCES messages,
  user_id    bigint NOT NULL REFERENCES users,
  channel    text   NOT NULL,
  job_id     bigint,
  PRIMARY KEY (message_id, user_id, channel)
);
CREATE INDEX deliveries_undigested ON deliveries (user_id, message_id) WHERE job_id IS NULL;

CREATE TABLE badges (user_id bigint PRIMARY KEY REFERENCES users, unread int NOT NULL DEFAULT 0);
CREATE TABLE scores (user_id bigint PRIMARY KEY REFERENCES users, points int NOT NULL DEFAULT 0);

CREATE TABLE stays (
  id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  user_id         bigint NOT NULL REFERENCES users,
  house           text NOT NULL,
  arrives_at      timestamptz NOT NULL,
  reminder_job_id bigint
);

CREATE TABLE tokens (user_id bigint NOT NULL REFERENCES users, expires_at timestamptz NOT NULL);
CREATE TABLE refresh_tokens (user_id bigint NOT NULL REFERENCES users, expires_at timestamptz NOT NULL);

CREATE MATERIALIZED VIEW house_activity AS
  SELECT house_id, count(*) AS messages FROM messages GROUP BY house_id;
CREATE UNIQUE INDEX house_activity_house ON house_activity (house_id);

CREATE MATERIALIZED VIEW leaderboard AS
  SELECT user_id, points, rank() OVER (ORDER BY points DESC) AS place FROM scores;
CREATE UNIQUE INDEX leaderboard_user ON leaderboard (user_id);
