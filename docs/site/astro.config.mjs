import { readFileSync } from 'node:fs';
import { unified } from '@astrojs/markdown-remark';
import starlight from '@astrojs/starlight';
import { defineConfig } from 'astro/config';

export default defineConfig({
  // Quotes and dashes stay as they are typed: much of the text is code.
  markdown: { processor: unified({ smartypants: false }) },
  integrations: [
    starlight({
      title: 'Millrace',
      description: 'Background jobs for TypeScript on PostgreSQL',
      sidebar: JSON.parse(readFileSync(new URL('.cache/sidebar.json', import.meta.url), 'utf8')),
      expressiveCode: { styleOverrides: { codeFontSize: '0.8125rem' } },
      customCss: ['./src/site.css'],
    }),
  ],
});
