import type { Command } from 'commander';
import { isMillraceError, MillraceError } from '../../core/errors.ts';
import type { Finding } from '../../core/operator/finding.ts';
import { checkDefinitions } from '../../operate/check.ts';
import { systemTime } from '../../system-clock.ts';
import { findConfig, loadConfig } from '../config.ts';
import { addStrict, answerFindings, type FindingOptions } from '../findings.ts';
import { settingOf, using } from '../open.ts';

export function addCheck(program: Command): void {
  addStrict(program.command('check'))
    .description(
      'check configuration, definitions and schedules, without a database; exit code 1 when there is a problem',
    )
    .action(async ({ strict }: FindingOptions, command: Command) => {
      const { configFile, output } = settingOf(command);
      answerFindings(await check(configFile), {
        output,
        strict: strict === true,
        fine: 'Configuration, definitions and schedules are in order.',
      });
    });
}

async function check(configFile: string | undefined): Promise<readonly Finding[]> {
  const path = findConfig(configFile);
  if (path === undefined) {
    throw new MillraceError(
      'MILLRACE_CONFIG_MISSING',
      `there is no millrace.config.ts in ${process.cwd()}`,
    );
  }
  let findings: readonly Finding[] = [];
  try {
    await using(await loadConfig(path), async ({ jobs }) => {
      findings = checkDefinitions(jobs, systemTime().getTime());
    });
  } catch (error) {
    if (!isMillraceError(error)) throw error;
    return [{ severity: 'problem', check: 'configuration', ...sentences(error) }];
  }
  return findings;
}

function sentences(error: Error): Pick<Finding, 'message' | 'mend'> {
  const { remedy } = error as Partial<MillraceError>;
  const code = isMillraceError(error) ? error.code : '';
  return { message: `${code}: ${error.message}.`, mend: remedy ?? null };
}
