import type { AddressInfo } from 'node:net';
import { SMTPServer, type SMTPServerAddress } from 'smtp-server';
import type { AcceptedLog } from './accepted-log.ts';

/** Addresses here do not exist: refused with 550. */
export const goneDomain = 'gone.example';

/** This host knows nobody yet: it refuses every recipient twice with 451 before it takes mail for them. */
export const greylistDomain = 'greylist.example';

const refusalsOfStrangers = 2;

export interface MailServer extends AsyncDisposable {
  readonly url: string;
  /** How often it has said "later", and "never". */
  readonly refused: { later: number; never: number };
}

/** A mail server on a free port of this machine that delivers to a log. */
export async function startMailServer(log: AcceptedLog): Promise<MailServer> {
  const refused = { later: 0, never: 0 };
  const seen = new Map<string, number>();

  const judge = ({ address }: SMTPServerAddress): Error | null => {
    if (address.endsWith(`@${goneDomain}`)) {
      refused.never += 1;
      return refusal(550, 'no such mailbox');
    }
    const times = seen.get(address) ?? 0;
    if (!address.endsWith(`@${greylistDomain}`) || times >= refusalsOfStrangers) return null;
    seen.set(address, times + 1);
    refused.later += 1;
    return refusal(451, 'greylisted, try again later');
  };

  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    closeTimeout: 1,
    onRcptTo: (address, _session, done) => done(judge(address)),
    onData(stream, _session, done) {
      let mail = '';
      stream.setEncoding('utf8');
      stream.on('data', (chunk: string) => (mail += chunk));
      stream.on('end', () => {
        log.append({ jobId: jobIdOf(mail), title: header(mail, 'Subject') });
        done();
      });
    },
  });
  // A worker that is killed cuts its conversations off.
  server.on('error', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.server.address() as AddressInfo;
  return {
    url: `smtp://127.0.0.1:${port}`,
    refused,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(resolve)),
  };
}

function refusal(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode });
}

function jobIdOf(mail: string): string {
  return /^<job-(\d+)@/.exec(header(mail, 'Message-ID'))?.[1] ?? '';
}

/** The value of a header, its folded lines joined. */
function header(mail: string, name: string): string {
  const head = mail.slice(0, mail.indexOf('\r\n\r\n')).replaceAll(/\r\n[ \t]+/g, ' ');
  const line = head.split('\r\n').find((one) => one.startsWith(`${name}: `));
  return line?.slice(name.length + 2) ?? '';
}
