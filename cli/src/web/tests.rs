//! The console through its requests, as a browser makes them.

use axum::http::{Request, StatusCode, header::LOCATION};
use emulator::{Binaries, Cloud, SourceServer, World};
use hyper::body::Bytes;

use super::*;

const SERVER: &str = "s-00000000000000001";

/// An account, and what answers at its port besides AWS's APIs.
struct Served {
    emulator: Emulator,
    front: Front,
}

async fn serve(world: World) -> Served {
    let binaries = Binaries::Fixed([].into());
    let started = Emulator::start(Cloud::new(world), 0, binaries).await;
    let emulator = started.unwrap();

    let front = front(&emulator);
    Served { emulator, front }
}

/// The answer to a request of a page of the port itself; `None`, if it is AWS's to answer.
async fn send(served: &Served, method: &str, path: &str, form: &str) -> Option<Response> {
    let host = format!("localhost:{}", served.emulator.port());
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", &host)
        .header("origin", format!("http://{host}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Bytes::from(form.to_owned()))
        .unwrap();

    let answer = (served.front)(request)?.await;
    Some(answer.map(axum::body::Body::new))
}

async fn text(response: Response) -> String {
    let body = response.into_body().collect().await.unwrap();
    String::from_utf8(body.to_bytes().to_vec()).unwrap()
}

async fn page_of(served: &Served) -> String {
    text(send(served, "GET", "/?servers=all", "").await.unwrap()).await
}

#[tokio::test]
async fn no_text_of_the_account_becomes_an_element() {
    let hostile = r#"</td><script src="x">'"&"#;
    let mut server = SourceServer::new(SERVER).tagged("Name", hostile);
    server.hostname = Some(hostile.to_owned());
    server.data_replication_state = hostile.to_owned();
    for tag in ["drover:approved", "drover:protected"] {
        server.tags.insert(tag.to_owned(), hostile.to_owned());
    }
    let mut file_system = emulator::FileSystem::new("fs-00000001").tagged("Name", hostile);
    file_system.protection = hostile.to_owned();
    let world = World::with([server]).with_file_system("us-east-1", file_system);
    let served = serve(world).await;
    // A notice, the form of the event and the timeline show texts too.
    let event = "event=%3C%2Ftextarea%3E%3Cscript%20src%3D%22x%22%3E&mode=plan";
    send(&served, "POST", "/console/event", event).await;
    let tag = format!("id={SERVER}%2F%3Cscript%20src%3D%22x%22%3E&region=us-east-1&request=C");
    send(&served, "POST", "/console/approve", &tag).await;

    let page = page_of(&served).await;
    assert!(!page.contains(r#"<script src="x""#), "{page}");
    let escaped = page.matches("&lt;script src=&quot;x").count();
    assert!(escaped >= 8, "{escaped} {page}");
}

#[tokio::test]
async fn an_action_changes_the_account_and_leads_back_to_the_page() {
    let served = serve(World::with([SourceServer::new(SERVER)])).await;
    let form = format!("id={SERVER}&region=us-east-1&request=%20CHG1");

    for (action, said) in [
        ("approve", "is approved for CHG1"),
        ("protect", "is protected by the tag drover:protected"),
        ("unprotect", "is protected no longer"),
        ("withdraw", "is withdrawn"),
    ] {
        let path = format!("/console/{action}");
        let answer = send(&served, "POST", &path, &form).await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{action}");
        assert_eq!(answer.headers()[LOCATION], "/#servers");
        assert!(page_of(&served).await.contains(said), "{action}");
    }
    assert_eq!(served.emulator.changes().len(), 4);
    assert!(
        served
            .emulator
            .world()
            .server(SERVER)
            .unwrap()
            .tags
            .is_empty()
    );
}

#[tokio::test]
async fn what_cannot_be_done_is_said_on_the_page() {
    let served = serve(World::empty()).await;

    for (action, form, said) in [
        ("advance", "minutes=999999999", "is not between"),
        (
            "fault",
            "operation=Nothing&kind=throttle&times=1",
            "not an emulated operation",
        ),
        ("event", "event=%7B&mode=plan", "The event is not JSON"),
        (
            "event",
            "event=%7B%7D&mode=plan",
            "no function reads this event",
        ),
        (
            "event",
            "event=%7B%7D&mode=plan&function=f",
            "there is no function `f`",
        ),
        ("again", "invocation=1", "is not kept any more"),
        ("follow", "invocation=1", "is not kept any more"),
        (
            "plan",
            "id=s-1&region=us-east-1&request=C",
            "There is no function",
        ),
    ] {
        let path = format!("/console/{action}");
        let answer = send(&served, "POST", &path, form).await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{action}");
        let page = page_of(&served).await;
        assert!(page.contains(said), "{action}: {page}");
        assert!(page.contains("notice bad"), "{action}");
    }
}

#[tokio::test]
async fn what_is_no_page_is_left_to_the_apis_of_aws() {
    let served = serve(World::empty()).await;
    for (method, path) in [
        ("POST", "/"),
        ("POST", "/DescribeJobs"),
        ("GET", "/2015-02-01/file-systems"),
        ("GET", "/console"),
    ] {
        assert!(send(&served, method, path, "").await.is_none(), "{path}");
    }

    let missing = send(&served, "GET", "/console/missing", "").await;
    assert_eq!(missing.unwrap().status(), StatusCode::NOT_FOUND);
    let health = send(&served, "GET", "/health", "").await.unwrap();
    assert_eq!(health.headers()[CONTENT_SECURITY_POLICY], POLICY);
    assert!(text(health).await.contains(r#""status":"ok""#));
}

#[tokio::test]
async fn a_page_is_told_when_the_account_changes() {
    let served = serve(World::empty()).await;
    let answer = send(&served, "GET", "/console/changes", "").await;
    let mut events = answer.unwrap().into_body();

    served.emulator.advance(chrono::TimeDelta::minutes(1));
    let event = events.frame().await.unwrap().unwrap();
    let event = event.into_data().unwrap();
    assert!(event.starts_with(b"event: change\n"), "{event:?}");
}

#[tokio::test]
async fn a_request_of_another_site_changes_nothing() {
    let served = serve(World::empty()).await;
    let before = served.emulator.now();
    let request = Request::builder()
        .method("POST")
        .uri("/console/advance")
        .header("host", format!("localhost:{}", served.emulator.port()))
        .header("origin", "http://example.com")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Bytes::from("minutes=90"))
        .unwrap();

    let answer = (served.front)(request).unwrap().await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert_eq!(served.emulator.now(), before);
}
