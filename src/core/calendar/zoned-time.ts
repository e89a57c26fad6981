/**
 * The wall clock of a time zone: which instant a local time is, and the other way round.
 *
 * Pure; zones are those of the ICU data in Node. Local times are minutes of a day and days counted from
 * 1970-01-01, so that arithmetic on them knows nothing of daylight saving.
 */

const dayMs = 86_400_000;
const minuteMs = 60_000;
const formats = new Map<string, Intl.DateTimeFormat>();

/** The zone of this process, where none is named. */
export const localZone = (): string => new Intl.DateTimeFormat('en').resolvedOptions().timeZone;

/** Local time minus UTC at this instant, in milliseconds, to the second. */
function offsetAt(zone: string, instantMs: number): number {
  let format = formats.get(zone);
  if (format === undefined) {
    const digits = { year: 'numeric', month: 'numeric', day: 'numeric' } as const;
    const time = { hour: 'numeric', minute: 'numeric', second: 'numeric', hourCycle: 'h23' } as const;
    format = new Intl.DateTimeFormat('en-US', { timeZone: zone, calendar: 'gregory', ...digits, ...time });
    formats.set(zone, format);
  }
  const part: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(instantMs)) part[type] = Number(value);
  const { year, month, day, hour, minute, second } = part;
  const local = Date.UTC(year!, month! - 1, day!, hour!, minute!, second!);
  return local - Math.floor(instantMs / 1000) * 1000;
}

/** Days since 1970-01-01 of the local date at this instant. */
export const localDay = (zone: string, instantMs: number): number =>
  Math.floor((instantMs + offsetAt(zone, instantMs)) / dayMs);

/** Minute of the local day at this instant, 0 to 1439. */
export function localMinute(zone: string, instantMs: number): number {
  const local = instantMs + offsetAt(zone, instantMs);
  return Math.floor((local - Math.floor(local / dayMs) * dayMs) / minuteMs);
}

/** Turns minutes of one local day into instants; costs little where the day has 24 hours. */
export class LocalDay {
  readonly #startMs: number;
  readonly #zone: string;
  /** The offset all day long, or null on a day that has a change. */
  readonly #offset: number | null;

  constructor(zone: string, day: number) {
    this.#zone = zone;
    this.#startMs = day * dayMs;
    const [before, after] = [this.#startMs - dayMs, this.#startMs + 2 * dayMs].map((at) =>
      offsetAt(zone, at),
    );
    this.#offset = before === after ? before! : null;
  }

  /**
   * The instants at which clocks show this minute: one, two where clocks are set back over it, or none
   * where they are set forward over it.
   */
  instants(minute: number): readonly number[] {
    const local = this.#startMs + minute * minuteMs;
    if (this.#offset !== null) return [local - this.#offset];
    const offsets = new Set([local - dayMs, local + dayMs].map((at) => offsetAt(this.#zone, at)));
    return [...offsets]
      .map((offset) => local - offset)
      .filter((instant) => instant + offsetAt(this.#zone, instant) === local)
      .sort((a, b) => a - b);
  }

  /** The first instant of the minute; where clocks skip it, the instant at which they do. */
  first(minute: number): number {
    const [first] = this.instants(minute);
    if (first !== undefined) return first;
    const local = this.#startMs + minute * minuteMs;
    // Sought between two instants that clocks show before and after it.
    let [low, high] = [local - dayMs - offsetAt(this.#zone, local - dayMs), local + dayMs];
    high -= offsetAt(this.#zone, high);
    while (high - low > 1000) {
      const middle = Math.floor((low + high) / 2000) * 1000;
      if (middle <= low) break;
      if (middle + offsetAt(this.#zone, middle) < local) low = middle;
      else high = middle;
    }
    return high;
  }
}
