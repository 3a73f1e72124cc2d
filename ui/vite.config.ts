import { svelte } from "@sveltejs/vite-plugin-svelte"
import { defineConfig } from "vite"

// The server that `make ui-dev` works with; the built page asks the one that it came from.
const server = process.env.PIXLEAN_URL ?? "http://127.0.0.1:8080"
const paths = ["/optimize", "/estimate", "/health", "/metrics", "/api", "/account", "/admin", "/docs"]

export default defineConfig({
  base: "./",
  plugins: [svelte()],
  worker: { format: "es" },
  build: {
    outDir: "../src/pixlean/web/ui",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: Object.fromEntries(paths.map((path) => [path, server])) },
})
