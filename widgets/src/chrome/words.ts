/** Words of the interface. The English text is its own key; another language is a table from it, put in place once a page. */

import type { Finding, Said } from '../store/types';

export type { Said };

const KEY = Symbol.for('tapescope.words.1');
type Words = keyof NonNullable<Finding['said']>;
type Table = Record<string, string>;
const page = globalThis as { [KEY]?: { language: string; table: Table; listeners: Set<() => void> } };

/** `{0}`, `{1}` ... stand for what is given. What the language lacks stays English. */
export function t(text: string, ...given: (string | number)[]): string {
  const table = page[KEY]?.table, said = table && Object.hasOwn(table, text) ? table[text]! : text;
  return given.length ? said.replace(/\{(\d)\}/g, (_, i) => String(given[Number(i)] ?? '')) : said;
}

/** A sentence of the kernel's. */
export const say = (said: Said): string => (typeof said === 'object' ? t(String(said[0]), ...said.slice(1).map(say)) : String(said));
/** Words of a finding. */
export function wordsOf<F extends Pick<Finding, 'said'>, K extends keyof F & Words>(f: F, of: K): F[K] {
  const said = f.said?.[of];
  return said === undefined ? f[of] : say(said) as F[K];
}
/** Why something was refused. */
export const problemOf = (error: unknown) => { const { said, message } = error as Error & { said?: Said }; return said ? say(said) : message; };

/** From now on this page speaks `language`; views that are shown begin anew. */
export function speak(language: string, table: Table): void {
  const { listeners = new Set<() => void>() } = page[KEY] ?? {};
  page[KEY] = { language, table, listeners };
  for (const fn of [...listeners]) fn();
}

export const language = (): string => page[KEY]?.language ?? 'en';

export function onWords(fn: () => void): () => void {
  const { listeners } = (page[KEY] ??= { language: 'en', table: {}, listeners: new Set() });
  listeners.add(fn);
  return () => listeners.delete(fn);
}
