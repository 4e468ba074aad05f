// The payment window works without this file. It copies, finds the number in a pasted message, keeps a waiting result
// fresh, counts down, and tells the page around what happened.
(function () {
  'use strict';
  var doc = document;
  var live = doc.getElementById('live');
  doc.documentElement.classList.add('js');

  function all(selector, each) {
    Array.prototype.forEach.call(doc.querySelectorAll(selector), each);
  }

  // Screen readers read a status that changes, not one that is there from the start.
  function say(text) {
    live.textContent = '';
    setTimeout(function () { live.textContent = text; }, 100);
  }

  // Copying. Without the clipboard API (http, old browsers) the text is selected and copied the old way.
  function oldCopy(text) {
    var field = doc.createElement('textarea');
    field.value = text;
    field.className = 'vh';
    field.readOnly = true;
    doc.body.appendChild(field);
    field.select();
    var done = false;
    try { done = doc.execCommand('copy'); } catch (e) { /* nothing copies here: the text can still be selected */ }
    field.remove();
    return done;
  }

  all('.copy', function (button) {
    var word = button.textContent, timer;
    function copied() {
      button.textContent = doc.body.dataset.copied;
      button.classList.add('done');
      say(doc.body.dataset.copied);
      clearTimeout(timer);
      timer = setTimeout(function () {
        button.textContent = word;
        button.classList.remove('done');
      }, 2000);
    }
    button.addEventListener('click', function () {
      var text = button.dataset.copy;
      function old() {
        if (oldCopy(text)) copied();
        button.focus();
      }
      if (navigator.clipboard && window.isSecureContext) navigator.clipboard.writeText(text).then(copied, old);
      else old();
    });
  });

  // A pasted message: when exactly one run of 12 digits is in it, that is the number. Anything else stays as it is, and
  // the server looks at it.
  var zeros = [0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0x660, 0x6F0, 0xFF10];
  function ascii(text) {
    return text.replace(/[^\x00-\x7f]/g, function (c) {
      var code = c.charCodeAt(0);
      for (var i = 0; i < zeros.length; i++) {
        if (code >= zeros[i] && code <= zeros[i] + 9) return String(code - zeros[i]);
      }
      return c;
    });
  }
  all('[data-twelve]', function (field) {
    field.addEventListener('input', function () {
      var text = ascii(field.value);
      if (/^[\d\s-]*$/.test(text)) return;
      var runs = text.split(/[^0-9A-Za-z]+/).filter(function (run) { return /^\d{12}$/.test(run); });
      if (runs.length === 1 || (runs.length > 1 && runs.every(function (run) { return run === runs[0]; }))) {
        field.value = runs[0];
        say(field.dataset.found + ' ' + runs[0]);
      }
    });
  });

  // One click is one payment: a second one while the first is on its way does nothing.
  all('form[data-once]', function (form) {
    var sent = false;
    form.addEventListener('submit', function (event) {
      if (sent) return event.preventDefault();
      sent = true;
      form.setAttribute('aria-busy', 'true');
      say(doc.body.dataset.busy);
    });
    window.addEventListener('pageshow', function () { // also when the back button brings the page from memory
      sent = false;
      form.removeAttribute('aria-busy');
    });
  });

  var result = doc.getElementById('result');
  if (!result) return;
  var data = result.dataset;

  say(doc.querySelector('h1').textContent);
  if (data.origin && window.parent !== window) {
    window.parent.postMessage({galla: 'state', status: data.status, order: data.order}, data.origin);
  }

  // The countdown. Whoever needs longer stops it; it also stops for good when the page comes back from memory.
  all('[data-seconds]', function (box) {
    var left = Number(box.dataset.seconds);
    var text = box.querySelector('.count span'), stop = box.querySelector('.count button');
    function show() { text.textContent = box.dataset.text.replace('#', left); }
    var timer = setInterval(function () {
      left--;
      show();
      if (left > 0) return;
      clearInterval(timer);
      location.assign(box.querySelector('a').href);
    }, 1000);
    function halt() {
      clearInterval(timer);
      stop.hidden = true;
      text.textContent = box.dataset.stopped;
    }
    stop.hidden = false;
    show();
    stop.addEventListener('click', function () {
      halt();
      say(box.dataset.stopped);
      box.querySelector('a').focus();
    });
    window.addEventListener('pageshow', function (event) { if (event.persisted) halt(); });
  });

  // A waiting result. The server tells of changes by events; where these don't come through, it is asked, less and less
  // often, and at once when the payer looks at the page again.
  var source, timer, pause = 3000, gone = false;
  function see(text) {
    var state;
    try { state = JSON.parse(text); } catch (e) { return; }
    if (gone || !state || !state.status || state.tag === data.tag) return;
    gone = true;
    if (source) source.close();
    location.replace(data.reload || location.href);
  }
  function ask() {
    clearTimeout(timer);
    if (gone || !data.state) return;
    fetch(data.state, {cache: 'no-store', credentials: 'omit'}).then(function (answer) {
      if (answer.ok) return answer.text().then(see);
    }).catch(function () { /* offline: the next try comes */ }).then(function () {
      if (source && source.readyState === 1) return;
      timer = setTimeout(ask, pause);
      pause = Math.min(pause * 1.5, 30000);
    });
  }
  if (data.events && window.EventSource) {
    source = new EventSource(data.events);
    source.addEventListener('status', function (event) { see(event.data); });
    source.onerror = function () { clearTimeout(timer); timer = setTimeout(ask, pause); };
  } else {
    timer = setTimeout(ask, pause);
  }
  doc.addEventListener('visibilitychange', function () { if (!doc.hidden) { pause = 3000; ask(); } });
  window.addEventListener('online', ask);
}());
