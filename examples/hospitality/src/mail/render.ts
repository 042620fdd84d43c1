import { timestampDate } from '@bufbuild/protobuf/wkt';
import { discard } from 'millrace';
import type { NewMessage, SendEmail } from '../gen/hospitality_pb.ts';

/** An e-mail as the reader sees it. */
export interface Rendered {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

interface Content {
  readonly subject: string;
  readonly lines: readonly string[];
}

/**
 * Renders the template that the content asks for. Names and messages are what users wrote: in HTML they are escaped.
 */
export function renderEmail(email: SendEmail): Rendered {
  const { subject, lines } = contentOf(email);
  const greeting = `Dear ${email.name},`;
  return {
    subject,
    text: [greeting, ...lines].join('\n\n'),
    html: [greeting, ...lines].map((line) => `<p>${escapeHtml(line)}</p>`).join('\n'),
  };
}

function contentOf({ content }: SendEmail): Content {
  switch (content.case) {
    case 'newMessage':
      return { subject: `New message: ${content.value.text}`, lines: [quote(content.value)] };
    case 'digest': {
      const { messages } = content.value;
      return { subject: `${messages.length} new messages`, lines: messages.map(quote) };
    }
    case 'reminder': {
      const { house, arrivesAt } = content.value;
      const day = arrivesAt === undefined ? 'soon' : `on ${timestampDate(arrivesAt).toUTCString()}`;
      return { subject: `${house} awaits you`, lines: [`Your stay at ${house} begins ${day}.`] };
    }
    case undefined:
      throw discard('an e-mail without content');
  }
}

function quote({ author, text }: NewMessage): string {
  return `${author} wrote: ${text}`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? character);
}
