/** The same items in groups, the last of which may be smaller: for work that is done a few at once and told in order. */
export async function* severalAtOnce<T>(
  items: AsyncIterable<T>,
  count: number,
): AsyncGenerator<readonly T[]> {
  let several: T[] = [];
  for await (const item of items) {
    several.push(item);
    if (several.length < count) continue;
    yield several;
    several = [];
  }
  if (several.length > 0) yield several;
}
