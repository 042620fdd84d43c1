/**
 * Builds the site of the documentation into docs/site/dist: the documents as they stand, the API as TypeDoc reads it from
 * the sources, search, and texts for machines. It fetches nothing. A link that leads nowhere fails it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { siteProblems } from './site/check.ts';
import { sectionsOf, type Section } from './site/contents.ts';
import { addressOf, pagesOf, type Page } from './site/pages.ts';
import { full, index, summaryOf } from './site/texts.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const site = join(root, 'docs/site');
const api = 'docs/reference/api';
const decisions = 'docs/decisions';

const read = (path: string) => readFileSync(join(root, path), 'utf8');
const markdownIn = (folder: string) =>
  globSync('**/*.md', { cwd: join(root, folder), exclude: ['site/**'] }).toSorted();

function fail(problems: readonly string[]): never {
  for (const problem of problems) console.error(problem);
  process.exit(1);
}

function run(program: string, args: readonly string[]): void {
  const { status } = spawnSync(join('node_modules/.bin', program), args, {
    cwd: site,
    stdio: 'inherit',
    env: { ...process.env, ASTRO_TELEMETRY_DISABLED: '1' },
  });
  if (status !== 0) fail([`${program} ended with ${String(status)}`]);
}

function write(path: string, text: string): void {
  const file = join(site, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/** Draws diagrams, which a code host draws by itself. */
async function diagramDrawer(): Promise<(page: string) => string> {
  const { renderMermaidSVG } = (await import(
    pathToFileURL(join(site, 'node_modules/beautiful-mermaid/dist/index.js')).href
  )) as { renderMermaidSVG: (text: string, colors: object) => string };
  const colors = { bg: 'var(--sl-color-bg)', fg: 'var(--sl-color-text)', transparent: true };
  const draw = (_whole: string, text: string) =>
    renderMermaidSVG(text, colors)
      // A font from elsewhere, and what would end the block of HTML.
      .replace(/@import .*\n/, '')
      .replaceAll(/\n\s*/g, ' ');
  return (page) => page.replaceAll(/^```mermaid\n([^]*?)^```$/gm, draw);
}

/** Everything that the packages let others import, with its source. */
function entryPoints(): { readonly name: string; readonly source: string }[] {
  return ['packages/millrace', 'packages/dev-db'].flatMap((folder) => {
    const { name, exports } = JSON.parse(read(`${folder}/package.json`)) as {
      name: string;
      exports: Record<string, string | { readonly '@millrace/source': string }>;
    };
    return Object.entries(exports).flatMap(([path, entry]) =>
      typeof entry === 'string'
        ? []
        : { name: posix.join(name, path), source: join(root, folder, entry['@millrace/source']) },
    );
  });
}

/** The documents of the site by their paths, in its order. */
function documentsOf(sections: readonly Section[]): Map<string, string> {
  const listed = sections.flatMap((section) => section.listed.map(({ path }) => path));
  const found = markdownIn('docs').map((name) => `docs/${name}`);
  const records = found.filter((path) => path.startsWith(`${decisions}/`));
  const missing = found.filter((path) => !listed.includes(path) && !records.includes(path));
  if (missing.length > 0) fail(missing.map((path) => `docs/README.md does not list ${path}`));
  const paths = listed.flatMap((path) => (path === decisions ? records : path));
  return new Map([
    ...paths.map((path) => [path, read(path)] as const),
    [`${decisions}/README.md`, decisionList(records)],
    // The list of modules is in the sidebar.
    ...markdownIn('docs/site/.cache/api')
      .filter((name) => name !== 'README.md')
      .map((name) => [`${api}/${name}`, read(`docs/site/.cache/api/${name}`)] as const),
  ]);
}

function decisionList(records: readonly string[]): string {
  const items = records.map((path) => {
    const [, title] = /^# (.+)/.exec(read(path)) ?? [];
    return `- [${title}](${posix.basename(path)})\n`;
  });
  return `# Decisions\n\nA record for each decision that somebody could want to undo.\n\n${items.join('')}`;
}

function sidebarOf(sections: readonly Section[], pages: readonly Page[]): object[] {
  const below = (folder: string) =>
    pages
      .filter(({ path }) => posix.dirname(path) === folder && !path.endsWith('/README.md'))
      .map(({ path, title }) => ({ label: title, link: addressOf(path) }));
  const modules = entryPoints().map(({ name }) => ({
    label: name,
    link: addressOf(`${api}/${name}/README.md`),
  }));
  return sections.map(({ name, listed }) => ({
    label: name,
    items: [
      ...listed.map(({ label, path }) =>
        path === decisions
          ? { label, collapsed: true, items: below(path) }
          : { label, link: addressOf(path) },
      ),
      ...(name === 'Reference' ? [{ label: 'API', items: modules }] : []),
    ],
  }));
}

if (!existsSync(join(site, 'node_modules/astro')))
  fail(['Run `npm ci --ignore-scripts --prefix docs/site` first.']);
for (const made of ['.cache', 'src/content', 'dist'])
  rmSync(join(site, made), { recursive: true, force: true });

run('typedoc', ['--options', 'typedoc.json', ...entryPoints().map(({ source }) => source)]);
const sections = sectionsOf(read('docs/README.md'), 'docs');
const pages = pagesOf(documentsOf(sections), (path) => existsSync(join(root, path)));
const draw = await diagramDrawer();
for (const { route, title, description, body } of pages) {
  const matter = Object.entries({ title, description, slug: route });
  const head = matter.map(([key, value]) => `${key}: ${JSON.stringify(value)}`).join('\n');
  write(
    `src/content/docs/${route === '' ? 'index' : route}.md`,
    `---\n${head}\n---\n\n${draw(body)}\n`,
  );
}
write('.cache/sidebar.json', JSON.stringify(sidebarOf(sections, pages)));
// Without its cache, which would keep pages that were made with other settings.
run('astro', ['build', '--force']);

write('dist/llms.txt', index(summaryOf(read('README.md')), pages));
write('dist/llms-full.txt', full(pages));
const problems = siteProblems(join(site, 'dist'), pages);
if (problems.length > 0) fail(problems);
console.log(`docs/site/dist: ${pages.length} pages, and no link that leads nowhere`);
