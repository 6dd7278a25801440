/** Commands that stand for a sign. */

const list = (text: string): Record<string, string> => Object.fromEntries(text.trim().split(/\s+/).map(pair => pair.split('=') as [string, string]));

export const SYMBOLS = list(`alpha=α beta=β gamma=γ delta=δ epsilon=ϵ varepsilon=ε zeta=ζ eta=η theta=θ iota=ι kappa=κ lambda=λ mu=μ nu=ν xi=ξ pi=π rho=ρ sigma=σ tau=τ phi=φ varphi=φ
  chi=χ psi=ψ omega=ω Gamma=Γ Delta=Δ Theta=Θ Lambda=Λ Xi=Ξ Pi=Π Sigma=Σ Phi=Φ Psi=Ψ Omega=Ω infty=∞ partial=∂ nabla=∇ ell=ℓ top=⊤ emptyset=∅ ldots=… dots=… cdots=⋯ vdots=⋮ prime=′`);

export const OPERATORS: Record<string, string> = {
  ...list(`cdot=⋅ times=× div=÷ odot=⊙ oslash=⊘ otimes=⊗ oplus=⊕ ast=∗ star=⋆ circ=∘ pm=± mp=∓ sum=∑ prod=∏ int=∫ bigoplus=⨁ le=≤ leq=≤ ge=≥ geq=≥ ne=≠ neq=≠ approx=≈ sim=∼ equiv=≡ in=∈
  notin=∉ subset=⊂ cup=∪ cap=∩ to=→ rightarrow=→ leftarrow=← gets=← mapsto=↦ Rightarrow=⇒ propto=∝ ll=≪ gg=≫ mid=∣ forall=∀ exists=∃ land=∧ lor=∨ wedge=∧ vee=∨ neg=¬ lnot=¬
  lfloor=⌊ rfloor=⌋ lceil=⌈ rceil=⌉ langle=⟨ rangle=⟩ lVert=‖ rVert=‖ Vert=‖ lvert=| rvert=| vert=|`),
  bmod: 'mod', colon: ':', lbrace: '{', rbrace: '}', setminus: '∖', backslash: '∖', lt: '<', gt: '>',
};

export const FENCES: Record<string, string> = { '{': '{', '}': '}', '|': '‖', '.': '.' };

export const ACCENTS: Record<string, string> = { hat: 'ˆ', widehat: 'ˆ', tilde: '˜', widetilde: '˜', dot: '˙', ddot: '¨', vec: '→' };

export const SPACES: Record<string, string> = { quad: '1em', qquad: '2em', ',': '0.17em', ':': '0.22em', ';': '0.28em', '!': '-0.17em', ' ': '0.3em' };

export const NAMES = new Set('log ln exp sin cos tan arcsin arccos arctan sinh cosh tanh max min argmax argmin lim sup inf det sgn sign mean var diag erf softmax'.split(' '));
