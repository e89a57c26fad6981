/**
 * Which overlay mounts there are, from the kernel's own list.
 */

export interface OverlayMount {
  readonly mountPoint: string;
  /** Null where the options name none (a read-only overlay). */
  readonly upperDir: string | null;
}

/**
 * Overlays and whatever else is mounted, by `/proc/self/mountinfo`; later mounts hide earlier ones on
 * the same point.
 *
 * @throws TypeError the text is no mountinfo
 */
export function parseMountInfo(text: string): ReadonlyMap<string, OverlayMount | null> {
  const mounts = new Map<string, OverlayMount | null>();
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const fields = line.split(' ');
    const dash = fields.indexOf('-', 6);
    const [type, , options] = dash < 0 ? [] : fields.slice(dash + 1);
    if (fields[4] === undefined || type === undefined) throw new TypeError('not a line of mountinfo');
    const mountPoint = unescapeOctal(fields[4]);
    mounts.set(mountPoint, type === 'overlay' ? { mountPoint, upperDir: upperDirOf(options ?? '') } : null);
  }
  return mounts;
}

/** A comma inside a path is written with a backslash by the overlay, and the backslash as octal. */
function upperDirOf(options: string): string | null {
  const option = unescapeOctal(options)
    .split(/(?<!\\),/)
    .find((one) => one.startsWith('upperdir='));
  return option === undefined ? null : option.slice('upperdir='.length).replace(/\\(.)/gs, '$1');
}

function unescapeOctal(text: string): string {
  const bytes = Buffer.from(text).toString('latin1');
  const plain = bytes.replace(/\\([0-7]{3})/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 8)),
  );
  return Buffer.from(plain, 'latin1').toString();
}
