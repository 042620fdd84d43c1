import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { durationMs, type Duration } from '../../packages/millrace/src/core/duration.ts';

const read = (name: string) =>
  readFileSync(new URL(`../../examples/deploy/${name}`, import.meta.url), 'utf8');

const graceIn = (args: readonly string[]) =>
  durationMs(args[args.indexOf('--stop-grace') + 1] as Duration, 'stop-grace');

it('the Kubernetes manifest parses, probes what is served and grants more time than the jobs get', () => {
  const deployment: unknown = parse(read('kubernetes.yaml'));
  expect(deployment).toMatchObject({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0 } } },
  });
  const { spec } = (deployment as { spec: { template: { spec: PodSpec } } }).spec.template;
  const [container] = spec.containers;
  expect(container?.readinessProbe.httpGet).toEqual({ path: '/readyz', port: 'health' });
  expect(container?.livenessProbe.httpGet).toEqual({ path: '/livez', port: 'health' });
  const { containerPort } = container?.ports[0] ?? {};
  expect(container?.args.at(-1)).toBe(`0.0.0.0:${containerPort}`);
  expect(spec.terminationGracePeriodSeconds * 1_000).toBeGreaterThan(
    graceIn(container?.args ?? []),
  );
});

interface PodSpec {
  readonly terminationGracePeriodSeconds: number;
  readonly containers: readonly {
    readonly args: readonly string[];
    readonly ports: readonly { readonly containerPort: number }[];
    readonly readinessProbe: { readonly httpGet: unknown };
    readonly livenessProbe: { readonly httpGet: unknown };
  }[];
}

it('the systemd unit has only lines that a unit may have, reloads by SIGHUP and grants more time than the jobs get', () => {
  const settings = new Map<string, string>();
  for (const line of read('millrace.service').split('\n')) {
    expect(line).toMatch(/^(|#.*|\[(Unit|Service|Install)\]|[A-Z][A-Za-z]+=\S.*)$/);
    const [, name = '', value = ''] = /^([A-Za-z]+)=(.*)$/.exec(line) ?? [];
    settings.set(name, value);
  }
  const args = settings.get('ExecStart')?.split(' ') ?? [];
  expect(settings.get('ExecReload')).toBe('/bin/kill -HUP $MAINPID');
  expect(durationMs(settings.get('TimeoutStopSec') as Duration, 'stop')).toBeGreaterThan(
    graceIn(args),
  );
});

it('the Dockerfile starts the command line without npm between it and the signals', () => {
  const lines = read('Dockerfile').split('\n');
  const list = (word: string) =>
    JSON.parse(lines.find((line) => line.startsWith(word))?.slice(word.length) ?? '[]') as string[];
  expect(list('ENTRYPOINT')).toEqual(['node', 'node_modules/millrace/dist/cli/main.js']);
  expect(list('CMD').slice(0, 2)).toEqual(['start', '--processes']);
});
