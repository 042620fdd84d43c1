import { readFileSync } from 'node:fs';
import starlight from '@astrojs/starlight';
import { defineConfig } from 'astro/config';

export default defineConfig({
  integrations: [
    starlight({
      title: 'Millrace',
      description: 'Background jobs for TypeScript on PostgreSQL',
      sidebar: JSON.parse(readFileSync(new URL('.cache/sidebar.json', import.meta.url), 'utf8')),
      customCss: ['./src/site.css'],
    }),
  ],
});
