/**
 * Stores whose objects are files of this machine: their process opens them, and ours moves the bytes.
 *
 * A directory needs no protection from the bytes it keeps, only we from its code; so that nothing is carried
 * over a socket that could go straight to the disk. Objects of other stores, and small ones, take the socket.
 */

import type { FileHandle } from 'node:fs/promises';
import type { GetRequest, PutRequest, PutResult, Store } from '../contracts/store.ts';
import type { Methods } from './addin-service.ts';

interface OpenedFile {
  readonly fd: number;
  close(): Promise<void>;
}

interface BegunFile {
  readonly fd: number;
  publish(): Promise<PutResult>;
  /** After success as after failure. Never throws. */
  discard(): Promise<void>;
}

/** What the process of such a store does. */
export interface StoreOfFiles extends Store {
  beginFile(request: Omit<PutRequest, 'body'>): Promise<BegunFile>;
  openFile(request: GetRequest): Promise<OpenedFile>;
}

/** What ours does: the store's own way of writing and reading. */
export interface FileBodies {
  /** Durable afterwards; the file stays open. Gives the number of bytes written. */
  write(handle: FileHandle, request: PutRequest): Promise<number>;
  /** Closes the file at the end, whatever the end is. */
  read(handle: FileHandle, request: GetRequest): AsyncGenerator<Uint8Array, void, undefined>;
}

/** Of a file in the process of the store. */
export interface FileTicket {
  readonly ticket: number;
  readonly fd: number;
}

const keepsFiles = (store: Store): store is StoreOfFiles => 'beginFile' in store && 'openFile' in store;

/** The methods for it, as the process of the store answers them; none for other stores. */
export function fileHandlers(store: Store): Methods {
  if (!keepsFiles(store)) return {};
  const begun = new Map<number, BegunFile>();
  const opened = new Map<number, OpenedFile>();
  let tickets = 0;
  const keep = <T extends { readonly fd: number }>(files: Map<number, T>, file: T): FileTicket => {
    tickets += 1;
    files.set(tickets, file);
    return { ticket: tickets, fd: file.fd };
  };
  const take = <T>(files: Map<number, T>, { ticket }: Readonly<Record<string, unknown>>): T => {
    const file = files.get(ticket as number);
    if (file === undefined) throw new TypeError('there is no file of that number');
    files.delete(ticket as number);
    return file;
  };
  return {
    beginFile: async (params, { signal }) =>
      keep(begun, await store.beginFile({ ...(params as unknown as PutRequest), signal })),
    publishFile: async (params) => {
      const file = take(begun, params);
      try {
        return await file.publish();
      } finally {
        await file.discard();
      }
    },
    discardFile: async (params) => take(begun, params).discard(),
    openFile: async (params, { signal }) =>
      keep(opened, await store.openFile({ ...(params as unknown as GetRequest), signal })),
    closeFile: async (params) => take(opened, params).close(),
  };
}
