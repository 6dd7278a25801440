export { t } from '@tapescope/widgets/chrome/words';

/** Follows JupyterLab's language where we have it; the table is loaded only then. */
export async function speak(code: string | undefined, changed: () => void): Promise<void> {
  if (!/^es\b|^es_/i.test(code ?? '')) {
    return;
  }
  const [{ speak }, { es }] = await Promise.all([import('@tapescope/widgets/chrome/words'), import('@tapescope/widgets/words/es')]);
  speak('es', es);
  changed();
}
