/** How long tests wait for what must come about, for all configurations: a machine may be busy with something else. */
export const patience = {
  testTimeout: 90_000,
  hookTimeout: 90_000,
  teardownTimeout: 30_000,
  expect: { poll: { timeout: 60_000 } },
};
