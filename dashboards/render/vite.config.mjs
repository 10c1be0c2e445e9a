import { defineConfig } from 'vite';
import { fileURLToPath } from 'node:url';

export default defineConfig({
  esbuild: { jsx: 'automatic' },
  define: { 'process.env': {}, global: 'globalThis' },
  // Icons are fetched from here.
  publicDir: fileURLToPath(new URL('node_modules/@grafana/ui/dist/public', import.meta.url)),
  optimizeDeps: { include: ['@grafana/data', '@grafana/ui', '@grafana/ui/unstable', 'react', 'react-dom/client', 'react/jsx-runtime', 'rxjs'] },
  logLevel: 'warn',
});
