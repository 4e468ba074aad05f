// Opens Galla's payment window in a page. <script src="https://plugin.…/embed.js"></script>, then
// <div data-galla="URL"></div> (inline), <button data-galla-open="URL"> (modal) or Galla.open(URL, {onState: f, into: element}).
(function () {
  'use strict';
  var doc = document;
  function frame(url, onState, gone) {
    var f = doc.createElement('iframe'), origin = new URL(url, location.href).origin;
    f.src = url;
    f.title = 'Payment';
    f.allow = 'clipboard-write';
    f.style.cssText = 'width:640px;height:750px;max-width:100%;max-height:100%;border:0;display:block;background:#fff';
    addEventListener('message', function hear(e) {
      if (gone && gone()) return removeEventListener('message', hear);
      if (e.source !== f.contentWindow || e.origin !== origin || !e.data || e.data.galla !== 'state') return;
      if (onState) onState(e.data);
      f.dispatchEvent(new CustomEvent('galla', {bubbles: true, detail: e.data}));
    });
    return f;
  }
  function open(url, options) {
    options = options || {};
    if (options.into) return options.into.appendChild(frame(url, options.onState));
    var before = doc.activeElement, box = doc.createElement('dialog'), shut = doc.createElement('button'), closed = false;
    box.setAttribute('aria-modal', 'true');
    box.setAttribute('aria-label', 'Payment');
    box.style.cssText = 'padding:0;border:0;border-radius:12px;max-width:100%;max-height:100%;overflow:auto';
    shut.textContent = '×';
    shut.setAttribute('aria-label', 'Close');
    shut.style.cssText = 'display:block;margin-inline-start:auto;min-width:44px;min-height:44px;border:0;background:none;font-size:24px';
    shut.onclick = function () { box.close(); };
    box.append(shut, frame(url, options.onState, function () { return closed; }));
    box.onclose = function () { closed = true; box.remove(); if (before) before.focus(); };
    doc.body.append(box);
    box.showModal(); // the browser keeps the focus inside and closes it on Escape
    return box;
  }
  window.Galla = {open: open};
  function start() {
    doc.querySelectorAll('[data-galla]').forEach(function (e) { open(e.dataset.galla, {into: e}); });
    doc.querySelectorAll('[data-galla-open]').forEach(function (e) { e.onclick = function () { open(e.dataset.gallaOpen); }; });
  }
  if (doc.readyState === 'loading') doc.addEventListener('DOMContentLoaded', start);
  else start();
}());
