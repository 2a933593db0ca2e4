"""MMI, Oulu-CASIA, AFEW, DFEW, FERV39k, RAVDESS and CREMA-D: official layouts, and what is left out."""

from __future__ import annotations

import pytest

from ferbench import FerbenchError
from ferbench.corpora.videos import count_frames
from ferbench.registry.plugins import load_plugins
from ferbench_corpora import AFEW, CREMAD, DFEW, MMI, RAVDESS, FERV39k, OuluCASIA

SESSION = '<session><Metatag Name="Subject" Value="1"/><Metatag Name="Emotion" Value="{}"/><track view="{}"/></session>'


def seen(clips):
    return [(c.id, c.subject, c.label) for c in clips.values()]


def test_mmi(tmp_path, touch, read):
    for number, (emotion, view) in enumerate(((4, 0), (6, 1), (1, 2), (9, 0)), 2):
        touch(f"Sessions/{number}/S00{number}-00{number}.avi")
        touch(f"Sessions/{number}/session.xml", content=SESSION.format(emotion, view))
    touch("Sessions/10/S010-003.avi", "Sessions/10/S010-004.avi", "Sessions/10/S010-003-oao_aucs.xml")
    touch("Sessions/10/S010-003.xml", content='<a><b><Metatag Name="Emotion" Value="2"/></b></a>')
    touch("Sessions/20/S001-020.jpg", "Sessions/21/notes.txt", "Sessions/22/S001-022.avi", "Sessions/.hidden")
    touch("Sessions/23/S001-023.avi")
    touch("Sessions/23/a.xml", content=SESSION.format(1, 0))
    touch("Sessions/23/b.xml", content=SESSION.format(2, 0))
    clips, skipped = read(MMI(str(tmp_path)))
    assert seen(clips) == [
        ("S002-002", "S002", "happiness"),
        ("S003-003", "S003", "surprise"),
        ("S010-003", "S010", "disgust"),
        ("S010-004", "S010", "disgust"),
    ]
    assert clips["S003-003"].facts == {"session": "3", "view": "profile"}
    assert dict(skipped) == {
        "session 4": "frontal and profile view in one picture",
        "session 5": "emotion label is not a number from 1 to 6",
        "session 20": "session of stills",
        "session 21": "session without a video",
        "session 22": "no emotion label",
        "session 23": "emotion labels contradict each other",
    }
    assert "S004-004" in read(MMI(str(tmp_path), both_views=True))[0]


@pytest.mark.parametrize("top", ["", "Oulu/OriginalImg/"])
def test_oulu_casia(tmp_path, touch, read, top):
    for camera, light in (("VL", "Strong"), ("VL", "Weak"), ("NI", "Strong")):
        touch(*(f"{top}{camera}/{light}/P00{p}/{e}/00{f}.jpeg" for p in (1, 2) for e in ("Anger", "Happiness") for f in (0, 1, 2)))
    touch(f"{top}VL/Strong/P002/Notes/a.txt", f"{top}VL/Strong/P002/Fear/b.txt")
    clips, skipped = read(OuluCASIA(str(tmp_path)))
    assert seen(clips) == [(f"P00{p}/{e.title()}", f"P00{p}", e) for p in (1, 2) for e in ("anger", "happiness")]
    assert {(c.length, c.apex) for c in clips.values()} == {(3, 2)}
    assert {path.parts[-5] for c in clips.values() for path in c.images} == {"VL"}
    assert skipped == [("P002/Fear", "sequence without images"), ("P002/Notes", "folder name is not an expression")]
    other, _ = read(OuluCASIA(str(tmp_path), camera="NI"))
    assert {path.parts[-5] for c in other.values() for path in c.images} == {"NI"}
    with pytest.raises(FerbenchError, match="expected OriginalImg/NI/Dark/P001"):
        read(OuluCASIA(str(tmp_path), camera="NI", light="Dark"))


def test_afew_as_videos_and_frames(tmp_path, touch, read):
    touch("Train_AFEW/Angry/000046280.avi", "Train_AFEW/Happy/000046281.avi", "Val_AFEW/Sad/000149120.avi", "Val_AFEW/Notes/a.txt")
    touch("frame/train_afew/Angry/000046280/0000001.jpg", "frame/train_afew/Fear/013736360/0000001.jpg")
    touch("frame/train_afew/Fear/013736360/0000002.jpg", "frame/train_afew/Fear/empty/a.txt", "Train_AFEW/Fear/list.txt")
    clips, skipped = read(AFEW(str(tmp_path)))
    assert [(c.id, c.label, c.facts["split"], bool(c.video), c.length) for c in clips.values()] == [
        ("train/anger/000046280", "anger", "train", True, 0),
        ("train/happiness/000046281", "happiness", "train", True, 0),
        ("validation/sadness/000149120", "sadness", "validation", True, 0),
        ("train/fear/013736360", "fear", "train", False, 2),
    ]
    assert len({c.subject for c in clips.values()}) == 4
    assert sorted(skipped) == [
        ("Val_AFEW/Notes", "folder name is not an expression"),
        ("train/anger/000046280", "second copy of a clip"),
        ("train/fear/empty", "folder without frames"),
        ("train/fear/list.txt", "neither a video nor a folder of frames"),
    ]


def test_dfew(tmp_path, touch, read):
    touch(*(f"Clip/jpg_256/0000{n}/0{f}.jpg" for n in (1, 2, 3, 4) for f in (1, 2)), "Clip/jpg_256/00009/a.jpg")
    for fold, rows in enumerate(("1,1\n3,7", "2,4\n5,2", "00004,8"), 1):
        touch(f"EmoLabel_DataSplit/test(single-labeled)/set_{fold}.csv", content=f"video_name,label\n{rows}\n")
        touch(f"EmoLabel_DataSplit/train(single-labeled)/set_{fold}.csv", content="video_name,label\n9,1\n")
    clips, skipped = read(DFEW(str(tmp_path)))
    assert [(c.id, c.label, c.facts["fold"], c.length) for c in clips.values()] == [
        ("00001", "happiness", 1, 2), ("00002", "anger", 2, 2), ("00003", "fear", 1, 2),
    ]  # fmt: skip
    assert skipped == [
        ("00004", "label is not a number from 1 to 7"), ("00005", "no frames"), ("00009", "not in a list of single-labeled clips"),
    ]  # fmt: skip


def test_dfew_lists_of_another_form_are_an_error(tmp_path, touch, read):
    touch("Clip/jpg_256/00001/01.jpg")
    touch("EmoLabel_DataSplit/test(single-labeled)/set_1.csv", content="")
    with pytest.raises(FerbenchError, match=r"set_1.csv:1: dfew: the list has the columns \[\]"):  # its fold was missing, in silence
        read(DFEW(str(tmp_path)))
    touch("EmoLabel_DataSplit/test(single-labeled)/set_1.csv", content="name,label\n1,1\n")
    with pytest.raises(FerbenchError, match=r"set_1.csv:1: dfew: the list has the columns"):
        read(DFEW(str(tmp_path)))
    touch("EmoLabel_DataSplit/test(single-labeled)/set_1.csv", content="video_name,label\n1,happy\n")
    with pytest.raises(FerbenchError, match=":2: dfew: video_name '1', label 'happy': expected two numbers"):
        read(DFEW(str(tmp_path)))


def test_ferv39k(tmp_path, touch, read):
    touch(*(f"2_ClipsforFaceCrop/{clip}/00.jpg" for clip in ("Action/Happy/0267", "Action/Sad/0001", "War/Fear/0002")))
    touch("4_setups/All_scenes/train_All.csv", content="Action/Happy/0267 Happy\nAction/Sad/0009 Sad\n\n../../etc/x Sad\n")
    touch("4_setups/All_scenes/test_All.csv", content="War/Fear/0002 Fear\nAction/Odd/0001 Odd\n")
    clips, skipped = read(FERV39k(str(tmp_path)))
    assert [(c.id, c.label, c.facts["split"], c.facts["scene"]) for c in clips.values()] == [
        ("War/Fear/0002", "fear", "test", "War"),
        ("Action/Happy/0267", "happiness", "train", "Action"),
    ]
    assert sorted(skipped) == [
        ("../../etc/x", "is not Scene/Expression/Number of a list"),
        ("Action/Odd/0001", "is not Scene/Expression/Number of a list"),
        ("Action/Sad/0009", "no frames"),
    ]


@pytest.mark.parametrize("top", ["", "Video_Speech_Actor_01/"])
def test_ravdess(tmp_path, touch, read, top):
    names = ("02-01-06-01-02-01-12", "01-01-06-01-02-01-12", "02-02-03-02-01-01-01", "02-01-09-01-01-01-01", "03-01-01-01-01-01-01")
    touch(*(f"{top}Actor_{name[-2:]}/{name}.mp4" for name in names), f"{top}Actor_01/notes.txt")
    clips, skipped = read(RAVDESS(str(tmp_path)))
    assert seen(clips) == [("02-01-06-01-02-01-12", "12", "fear")]
    assert clips["02-01-06-01-02-01-12"].facts == {"sex": "female", "intensity": "normal"}
    assert sorted(reason for _, reason in skipped) == [
        "channel is not speech", "emotion is not a number from 1 to 8", "modality is not video", "modality is not video",
        "name is not seven numbers and .mp4",
    ]  # fmt: skip
    both, _ = read(RAVDESS(str(tmp_path), channel="both"))
    assert seen(both) == [("02-02-03-02-01-01-01", "01", "happiness"), ("02-01-06-01-02-01-12", "12", "fear")]
    assert list(read(RAVDESS(str(tmp_path), modality="audio-video"))[0]) == ["01-01-06-01-02-01-12"]


def test_crema_d(tmp_path, touch, read):
    touch(
        "VideoFlash/1001_DFA_ANG_XX.flv",
        "VideoFlash/1002_IEO_HAP_HI.flv",
        "VideoFlash/1002_IEO_ODD_HI.flv",
        "VideoFlash/._1001_DFA_ANG_XX.flv",
    )
    touch("VideoDemographics.csv", content="ActorID,Age,Sex,Race,Ethnicity\n1001,51,Male,Caucasian,Not Hispanic\n")
    clips, skipped = read(CREMAD(str(tmp_path)))
    assert seen(clips) == [("1001_DFA_ANG_XX", "1001", "anger"), ("1002_IEO_HAP_HI", "1002", "happiness")]
    assert clips["1001_DFA_ANG_XX"].facts == {"sentence": "DFA", "level": "unspecified", "age": "51", "sex": "male"}
    assert clips["1002_IEO_HAP_HI"].facts == {"sentence": "IEO", "level": "high"}
    assert skipped == [("1002_IEO_ODD_HI.flv", "name is not NNNN_SSS_EEE_LL.flv with a known emotion")]


@pytest.mark.slow
def test_the_stand_in_of_afew_is_read_back(tmp_path, read):
    load_plugins().get_entry("stand-in", AFEW.name).component().render(tmp_path, 3, 0, lambda *_: None)
    clips, skipped = read(AFEW(str(tmp_path)))
    assert not skipped
    assert len(clips) == 21
    assert {c.facts["split"] for c in clips.values()} == {"train", "validation"}
    assert {c.label for c in clips.values()} == set(AFEW.classes)
    assert all(8 <= count_frames(c.video).decoded <= 12 for c in clips.values())
