/** The faults that the proxy plays, and the answers they are made of. */

import type { IncomingMessage } from 'node:http';
import type { Operation } from './s3-operation.ts';

export type Fault =
  /** Answers by itself; the service sees nothing. */
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly code?: string;
      readonly headers?: Record<string, string>;
      /** Instead of an error with the code. */
      readonly body?: string;
    }
  /** Closes the connection: before the service sees the request, or when it has answered (a lost answer). */
  | { readonly kind: 'drop'; readonly when: 'before' | 'after' }
  /** Takes the request and stays silent. */
  | { readonly kind: 'stall' }
  /** Passes so many bytes of the answer's body, then closes the connection or stays silent. */
  | { readonly kind: 'cut'; readonly bytes: number; readonly end?: 'close' | 'silence' }
  /** Tells another length than the answer has; the connection closes after the body. */
  | { readonly kind: 'length'; readonly difference: number }
  /** Cuts the body short and tells the short length: only the end can find out. */
  | { readonly kind: 'shorten'; readonly bytes: number }
  /** 200 with an error in the body; `forward` lets the service do the work first. */
  | { readonly kind: 'error-in-success'; readonly forward?: boolean }
  /** Changes one byte in the middle of the request's body. */
  | { readonly kind: 'corrupt' }
  /** Answers with the answer to the first request of this path and query it has seen. */
  | { readonly kind: 'stale' };

export interface Rule {
  readonly on?: Operation | readonly Operation[];
  readonly key?: RegExp;
  /** Lets so many matching requests pass first. Default 0. */
  readonly after?: number;
  /** Plays so many times. Default 1. */
  readonly times?: number;
  /** Lets a request pass on which faults were played so often already, and waits for another. */
  readonly spares?: number;
  readonly fault: Fault;
}

export interface Answer {
  readonly status: number;
  readonly headers: string[];
  readonly body: Buffer;
}

function errorBody(code: string): Buffer {
  return Buffer.from(
    `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><RequestId>1</RequestId></Error>`,
  );
}

const xml = ['Content-Type', 'application/xml'];
export const errorInSuccess: Answer = { status: 200, headers: xml, body: errorBody('InternalError') };

export function refusal(fault: Extract<Fault, { kind: 'answer' }>): Answer {
  const headers = [...xml, ...Object.entries(fault.headers ?? {}).flat()];
  return {
    status: fault.status,
    headers,
    body: fault.code === undefined ? Buffer.from(fault.body ?? '') : errorBody(fault.code),
  };
}

/** Flat header list with the length told anew; HEAD keeps what the service told. */
export function withLength(headers: readonly string[], length: number, method: string): string[] {
  if (method === 'HEAD') return [...headers];
  const kept: string[] = [];
  for (let at = 0; at < headers.length; at += 2) {
    if (!/^(content-length|transfer-encoding)$/i.test(headers[at]!))
      kept.push(headers[at]!, headers[at + 1]!);
  }
  return [...kept, 'Content-Length', String(length)];
}

export function head(answer: Answer, length: number): Buffer {
  const headers = withLength(answer.headers, length, 'GET');
  const lines = [`HTTP/1.1 ${answer.status} Scripted`];
  for (let at = 0; at < headers.length; at += 2) lines.push(`${headers[at]}: ${headers[at + 1]}`);
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}

export async function collect(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
