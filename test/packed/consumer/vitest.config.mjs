export default { test: { include: ['kit/kit.vitest.mjs'], globalSetup: ['./kit/setup.mjs'] } };
