/**
 * The frames that pass between Holdfast and the process of an addin.
 *
 * A frame is twelve bytes (length of the payload, type, three zeros, number of the call; little endian) and its
 * payload: JSON, or bytes of an object as they are. The reader trusts nobody: whatever is not a frame of this
 * form ends the conversation. It keeps no bytes of objects, and of the rest one frame at most.
 */

/** Version of the frames and of the calls in them; both ends come from one release, so there is no negotiation. */
export const isolationProtocol = 1;

export const frameType = {
  /** From the addin, first of all: it listens. */
  hello: 1,
  call: 2,
  /** Ends a call well. */
  result: 3,
  /** Ends a call badly; from us: the body of a call has failed. */
  error: 4,
  data: 5,
  /** The body is complete. */
  end: 6,
  /** The receiver of bytes takes so many more. */
  credit: 7,
  abort: 8,
  ping: 9,
  pong: 10,
} as const;

export type FrameType = (typeof frameType)[keyof typeof frameType];

export const headerBytes = 12;
export const largestData = 1024 * 1024;
/** A page of a listing with a thousand of the longest keys is a sixth of it. */
export const largestControl = 8 * 1024 * 1024;
/** Bytes on their way in one direction of one call. */
export const windowBytes = 4 * 1024 * 1024;

/** The other side does not keep to the protocol. */
export class ProtocolError extends Error {}

const largest: Readonly<Record<number, number>> = {
  [frameType.hello]: 64 * 1024,
  [frameType.call]: largestControl,
  [frameType.result]: largestControl,
  [frameType.error]: 64 * 1024,
  [frameType.data]: largestData,
  [frameType.end]: 0,
  [frameType.credit]: 4,
  [frameType.abort]: 0,
  [frameType.ping]: 0,
  [frameType.pong]: 0,
};

export function header(type: FrameType, id: number, length: number): Buffer {
  const out = Buffer.alloc(headerBytes);
  out.writeUInt32LE(length, 0);
  out[4] = type;
  out.writeUInt32LE(id, 8);
  return out;
}

export interface FrameHandler {
  /** A whole frame that is not data. */
  frame(type: FrameType, id: number, payload: Buffer): void;
  /** Bytes of a data frame, in order, in pieces of what was pushed. */
  data(id: number, piece: Buffer): void;
}

export class FrameReader {
  readonly #handler: FrameHandler;
  readonly #header = Buffer.alloc(headerBytes);
  #headerFilled = 0;
  #type: FrameType = frameType.hello;
  #id = 0;
  #left = 0;
  /** Of a frame that is not data and did not come at once. */
  #gathered: Buffer[] = [];

  constructor(handler: FrameHandler) {
    this.#handler = handler;
  }

  /** @throws ProtocolError what came is no frame, or a longer one than its type allows */
  push(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#headerFilled < headerBytes) {
        at += this.#fillHeader(bytes, at);
        continue;
      }
      const piece = bytes.subarray(at, at + this.#left);
      at += piece.length;
      this.#left -= piece.length;
      if (this.#type === frameType.data) this.#handler.data(this.#id, piece);
      else this.#gather(piece);
      if (this.#left === 0) this.#finish();
    }
  }

  /** Whether what came so far ends between two frames. */
  get whole(): boolean {
    return this.#headerFilled === 0;
  }

  #fillHeader(bytes: Buffer, at: number): number {
    const part = bytes.subarray(at, at + headerBytes - this.#headerFilled);
    part.copy(this.#header, this.#headerFilled);
    this.#headerFilled += part.length;
    if (this.#headerFilled < headerBytes) return part.length;
    const type = this.#header[4]!;
    const length = this.#header.readUInt32LE(0);
    const limit = largest[type];
    if (limit === undefined || this.#header.readUIntLE(5, 3) !== 0) {
      throw new ProtocolError('it sent what is no frame');
    }
    if (length > limit) throw new ProtocolError(`it sent a frame of ${length} bytes`);
    this.#type = type as FrameType;
    this.#id = this.#header.readUInt32LE(8);
    this.#left = length;
    if (length === 0) this.#finish();
    return part.length;
  }

  /** A copy, unless all came at once: what is read is used again. */
  #gather(piece: Buffer): void {
    this.#gathered.push(this.#left === 0 && this.#gathered.length === 0 ? piece : Buffer.from(piece));
  }

  #finish(): void {
    this.#headerFilled = 0;
    if (this.#type === frameType.data) return;
    const [only, ...more] = this.#gathered;
    this.#gathered = [];
    const payload = more.length === 0 ? (only ?? Buffer.alloc(0)) : Buffer.concat([only!, ...more]);
    this.#handler.frame(this.#type, this.#id, payload);
  }
}

/** @throws ProtocolError it is no JSON */
export function parsePayload(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString('utf8'));
  } catch {
    throw new ProtocolError('it sent what is no JSON');
  }
}
