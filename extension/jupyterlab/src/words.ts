/** The words of the views, where a language has been put in place: the same table, without their code. */

type Words = { language: string; table: Record<string, string> };

export const t = (text: string): string => {
  const table = (globalThis as any)[Symbol.for('tapescope.words.1')]?.table as Words['table'] | undefined;
  return table && Object.hasOwn(table, text) ? table[text] : text;
};

/** Follows JupyterLab's language where we have it; the table is loaded only then. */
export async function speak(code: string | undefined, changed: () => void): Promise<void> {
  if (!/^es\b|^es_/i.test(code ?? '')) {
    return;
  }
  const [{ speak }, { es }] = await Promise.all([import('@tapescope/widgets'), import('@tapescope/widgets/words/es')]);
  speak('es', es);
  changed();
}
