export default {
  testMatch: ['**/*.jest.mjs'],
  // jest would put a transform for CommonJS before everything.
  transform: {},
  globalSetup: './kit/setup.mjs',
  globalTeardown: './kit/teardown.mjs',
};
