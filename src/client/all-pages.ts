interface Page<Item> {
  items: readonly Item[]
  /** null at the end */
  next_cursor: string | null
}

/** Everything of a list of a Hub, a page at a time. */
export async function* allPages<Item>(pageFrom: (cursor: string | undefined) => Promise<Page<Item>>): AsyncGenerator<Item> {
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page: Page<Item> = await pageFrom(cursor)
    yield* page.items
    cursor = page.next_cursor
  }
}

/** The same as an array: for lists that fit in memory, such as jobs. */
export async function listAll<Item>(pageFrom: (cursor: string | undefined) => Promise<Page<Item>>): Promise<Item[]> {
  const all: Item[] = []
  for await (const item of allPages(pageFrom)) all.push(item)
  return all
}
