/** The reference of the command line, from the program itself. */
import type { createProgram } from '../../packages/millrace/src/cli/program.ts';

type Command = ReturnType<typeof createProgram>;

export function commandReference(program: Command): string {
  return `# Command line

<!-- Written by \`npm run docs:reference\` from packages/millrace/src/cli; do not edit. -->

\`npx millrace <command>\`. Every command also takes these:

${optionTable(program)}
${program.commands.flatMap(withVerbs).map(section).join('\n')}`;
}

function withVerbs(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withVerbs)];
}

function section(command: Command): string {
  const name = nameOf(command);
  return `## ${name}

${sentence(command.description())}

\`\`\`text
${name} ${command.usage()}
\`\`\`
${argumentTable(command)}${command.options.length === 0 ? '' : `\n${optionTable(command)}`}`;
}

function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;
}

function argumentTable({ registeredArguments }: Command): string {
  const told = registeredArguments.filter(({ description }) => description !== '');
  if (told.length === 0) return '';
  const rows = told.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
    return row(argument.required ? `<${name}>` : `[${name}]`, argument);
  });
  return `\n| argument | |\n|---|---|\n${rows.join('')}`;
}

function optionTable(command: Command): string {
  const options = command.createHelp().visibleOptions(command);
  const rows = options
    .filter(({ long }) => command.parent === null || long !== '--help')
    .map((option) => row(option.flags, option));
  return `| option | |\n|---|---|\n${rows.join('')}`;
}

interface Described {
  readonly description: string;
  readonly defaultValue?: string | number | readonly string[];
  readonly argChoices?: readonly string[];
}

function row(form: string, { description, defaultValue, argChoices }: Described): string {
  const choices = argChoices === undefined ? '' : `; one of ${argChoices.join(', ')}`;
  const preset =
    defaultValue === undefined || /\(default: /.test(description)
      ? ''
      : ` (default: ${defaultValue.toString()})`;
  return `| \`${form}\` | ${escaped(description + choices + preset)} |\n`;
}

/** A bar would end the cell, and a placeholder would be taken for HTML. */
function escaped(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}

function sentence(text: string): string {
  return escaped(`${text.charAt(0).toUpperCase()}${text.slice(1)}`.replace(/\.?$/, '.'));
}
