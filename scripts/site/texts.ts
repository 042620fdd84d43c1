/** The documentation for machines that read. */
import { addressOf, type Page } from './pages.ts';

/** What Millrace is, in one paragraph: how the README begins, and how each point of its first list does. */
export function summaryOf(readme: string): string {
  const [, first = ''] = /^# .+\n\n(.+)\n/.exec(readme) ?? [];
  const [, points = ''] = /\n## What it is\n([^]*?)\n## /.exec(readme) ?? [];
  const leads = [...points.matchAll(/^- \*\*(.+?)\*\* ([^]+?\.)\s/gm)];
  return [first, ...leads.map(([, name, lead]) => `${name} ${lead?.replaceAll(/\s+/g, ' ')}`)].join(
    ' ',
  );
}

/** `llms.txt`: what Millrace is, and each page in one line. */
export function index(summary: string, pages: readonly Page[]): string {
  const lines = pages.map(({ path, title, description }) =>
    `- [${title}](${addressOf(path)}): ${description}`.replace(/: $/, ''),
  );
  return `# Millrace\n\n> ${summary}\n\nAll pages in one text: [llms-full.txt](/llms-full.txt)\n\n## Pages\n\n${lines.join('\n')}\n`;
}

/** `llms-full.txt`: all pages, one after the other. */
export function full(pages: readonly Page[]): string {
  return pages
    .map(({ path, title, body }) => `# ${title}\n\nPage: ${addressOf(path)}\n\n${body}\n`)
    .join('\n');
}
