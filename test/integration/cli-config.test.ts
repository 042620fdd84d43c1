import { describe, expect, it } from 'vitest';
import { createProject, expectFailure } from '../helpers/cli.ts';

/** Each is wrong in one way; the texts are what the line must contain. */
const broken: Readonly<
  Record<string, { readonly files: Record<string, string>; readonly says: string[] }>
> = {
  'a syntax error': {
    files: { 'millrace.config.ts': 'const a: number = 1;\nconst b = ;\nexport default a;\n' },
    says: ['millrace.config.ts:2', 'Expression expected'],
  },
  'a syntax error in JavaScript': {
    files: { 'millrace.config.js': 'const b = ;\n' },
    says: ['millrace.config.js', "Unexpected token ';'"],
  },
  'TypeScript that Node.js cannot strip': {
    files: { 'millrace.config.ts': '\n\nenum Queue { mail }\nexport default Queue;\n' },
    says: ['millrace.config.ts:3', 'enum is not supported'],
  },
  'a syntax error in a file that it imports': {
    files: { 'millrace.config.ts': `import './jobs.ts';\n`, 'jobs.ts': '\nexport const = 1;\n' },
    says: ['millrace.config.ts', 'jobs.ts:2'],
  },
  'an exception': {
    files: {
      'millrace.config.ts': `\nfunction load() {\n  throw new TypeError('no such secret');\n}\nload();\n`,
    },
    says: ['millrace.config.ts:3', 'TypeError: no such secret'],
  },
  'an exception in a file that it imports': {
    files: {
      'millrace.config.ts': `import './jobs/mail.ts';\n`,
      'jobs/mail.ts': `\nthrow new Error('boom');\n`,
    },
    says: ['millrace.config.ts', 'jobs/mail.ts:2', 'boom'],
  },
  'a thrown text': {
    files: { 'millrace.config.ts': `throw 'nothing\\nuseful';\n` },
    says: ['millrace.config.ts', 'nothing useful'],
  },
  'a promise that rejects': {
    files: {
      'millrace.config.ts': `export default Promise.reject(new Error('vault is sealed'));\n`,
    },
    says: ['millrace.config.ts:1', 'vault is sealed'],
  },
  'a missing file': {
    files: { 'millrace.config.ts': `import './jobs';\n` },
    says: ['millrace.config.ts', 'Cannot find module', 'jobs'],
  },
  'a missing package': {
    files: { 'millrace.config.ts': `import 'no-such-package';\n` },
    says: ['millrace.config.ts', "'no-such-package'"],
  },
  'no default export': {
    files: { 'millrace.config.ts': 'export const millrace = 1;\n' },
    says: ['millrace.config.ts', 'default export', 'missing'],
  },
  'the wrong default export': {
    files: { 'millrace.config.ts': 'export default { connection: 1, jobs: [] };\n' },
    says: ['millrace.config.ts', 'createMillrace', 'connection, jobs'],
  },
  'a function with the wrong value': {
    files: { 'millrace.config.mjs': 'export default async () => 5;\n' },
    says: ['millrace.config.mjs', 'the number 5'],
  },
};

describe('broken configuration file', () => {
  it.for(Object.entries(broken))(
    '%s: one line with file, line where known, and reason',
    async ([, { files, says }]) => {
      using project = createProject(files);
      const env = { DATABASE_URL: 'postgres://postgres@127.0.0.1:1/postgres' };
      expectFailure(
        await project.run(['enqueue', 'x'], { env }),
        'MILLRACE_CONFIG_INVALID',
        ...says,
      );
    },
  );

  it('import statements in a CommonJS project: the line says how to make the file a module', async () => {
    using project = createProject({ 'millrace.config.ts': `import 'millrace';\n` });
    project.write({ 'package.json': '{ "type": "commonjs" }' });
    const { stderr, exitCode } = await project.run(['start']);
    expect(stderr).toMatch(
      /^MILLRACE_CONFIG_INVALID: millrace\.config\.ts:1: .*millrace\.config\.mts.*$/m,
    );
    expect(exitCode).toBe(1);
  });

  it('what Millrace itself refuses in the file keeps its own code and remedy', async () => {
    using project = createProject({
      'millrace.config.ts': `import { createMillrace } from 'millrace';\n\nexport default createMillrace({ jbos: [] });\n`,
    });
    const failed = await project.run(['jobs', 'list']);
    expectFailure(
      failed,
      'MILLRACE_OPTION_UNKNOWN',
      'millrace.config.ts:3',
      "did you mean 'jobs'?",
    );
  });

  it('no configuration: commands that need one say which file to create', async () => {
    using project = createProject();
    for (const args of [['start'], ['enqueue', 'x']]) {
      expectFailure(await project.run(args), 'MILLRACE_CONFIG_MISSING', 'millrace.config.ts');
    }
    const named = await project.run(['--config', 'other.ts', 'jobs', 'list']);
    expectFailure(named, 'MILLRACE_CONFIG_MISSING', 'other.ts');
  });

  it('the stack is printed with --verbose and with MILLRACE_DEBUG=1 only', async () => {
    using project = createProject({ 'millrace.config.ts': `throw new Error('boom');\n` });
    const quiet = await project.run(['start']);
    expectFailure(quiet, 'MILLRACE_CONFIG_INVALID', 'boom');
    const loud = [
      await project.run(['start', '--verbose']),
      await project.run(['start'], { env: { MILLRACE_DEBUG: '1' } }),
    ];
    for (const { stderr } of loud) {
      expect(stderr.startsWith(quiet.stderr)).toBe(true);
      expect(stderr).toMatch(/\n {4}at /);
    }
  });
});
