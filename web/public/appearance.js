// Before the first paint, so that a dark page never flashes white. The choice is kept by src/app/appearance.ts.
const chosen = localStorage.getItem('bastion.appearance')
const isDark = chosen === 'dark' || (chosen !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches)
document.documentElement.classList.add(isDark ? 'dark' : 'light')
