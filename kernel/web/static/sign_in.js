// Whoever opens the link wants to sign in; without JavaScript the button does it.
document.getElementById("sign-in").requestSubmit();
